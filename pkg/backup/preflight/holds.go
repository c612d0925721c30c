package preflight

import (
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// judgeHolds looks at whatever is to be held still.
func (f *Facts) judgeHolds(r *Report) {
	hooked, probed := map[string]bool{}, map[string]bool{}
	for i, h := range f.Holds {
		if target := f.Targets[i]; target != nil {
			f.judgeTarget(r, h, target)
			continue
		}
		pod := f.pod(h)
		if pod == nil {
			continue
		}
		name := pod.Namespace + "/" + pod.Name
		if hooks := hooksOf(pod); len(hooks) > 0 && !hooked[name] {
			hooked[name] = true
			r.refuse(CheckHolds, "take the annotation away: quiesce does what it did, for all pods at once", "Velero itself would hold and release pod %s (annotation %s)", name, hooks[0])
		}
		if !probed[name] {
			probed[name] = true
			f.judgeProbes(r, pod)
		}
	}
	if hooks := f.Spec.Hooks.Resources; len(hooks) > 0 && len(f.Holds) > 0 {
		r.warn(CheckHolds, "leave it away if it does what quiesce does", "hook %s of velero.template runs while all is held still, and its end may be before the cut's", hooks[0].Name)
	}
}

// pod is the pod of a hold; nil for another, or one that is gone.
func (f *Facts) pod(h v1alpha1.Hold) *corev1.Pod {
	i := slices.IndexFunc(f.Pods, func(p *corev1.Pod) bool { return p.UID == h.UID })
	if i < 0 {
		return nil
	}
	return f.Pods[i]
}

// hooksOf are the annotations by which Velero runs commands in a pod when it is backed up.
func hooksOf(pod *corev1.Pod) []string {
	var found []string
	for name := range pod.Annotations {
		for _, prefix := range []string{"pre.hook.backup.velero.io/", "post.hook.backup.velero.io/", "hook.backup.velero.io/"} {
			if strings.HasPrefix(name, prefix) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return found
}

// judgeProbes: a container whose liveness probe fails for long enough is killed, and
// whatever it held is held no more. Whether it fails while it is held still is for the
// user to know; but who is killed before the cut can be over has a probe that is too
// quick in any case.
func (f *Facts) judgeProbes(r *Report, pod *corev1.Pod) {
	window := f.Policy.Spec.MaxFreeze.Duration
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		if c.LivenessProbe == nil {
			continue
		}
		lives := lifeOf(c.LivenessProbe)
		where := fmt.Sprintf("container %s of pod %s/%s", c.Name, pod.Namespace, pod.Name)
		switch {
		case lives < r.CutBudget:
			r.refuse(CheckHolds, fmt.Sprintf("raise its failureThreshold, so that it lasts %s", window), "%s is killed when its liveness probe fails for %s, and the cut takes %s", where, lives, r.CutBudget)
		case lives < window:
			r.warn(CheckHolds, fmt.Sprintf("raise its failureThreshold if that fails while it is held, so that it lasts %s", window), "%s is killed when its liveness probe fails for %s, and may be held for %s", where, lives, window)
		}
	}
}

// lifeOf is how long a liveness probe may fail.
func lifeOf(p *corev1.Probe) time.Duration {
	period, threshold := p.PeriodSeconds, p.FailureThreshold
	if period == 0 {
		period = 10
	}
	if threshold == 0 {
		threshold = 3
	}
	return time.Duration(period*threshold) * time.Second
}

// keepers are the marks of tools that put an object back as they know it.
func keepers() map[string]string {
	return map[string]string{
		"argocd.argoproj.io/tracking-id":   "Argo CD",
		"argocd.argoproj.io/instance":      "Argo CD",
		"kustomize.toolkit.fluxcd.io/name": "Flux",
		"helm.toolkit.fluxcd.io/name":      "Flux",
		"configmanagement.gke.io/managed":  "Config Sync",
		"karmada.io/managed":               "Karmada",
		"fleet.cattle.io/bundle-id":        "Fleet",
	}
}

// judgeTarget: who else writes what is scaled or patched?
func (f *Facts) judgeTarget(r *Report, h v1alpha1.Hold, target *unstructured.Unstructured) {
	what := fmt.Sprintf("%s %s/%s", target.GetKind(), h.Namespace, h.Name)
	known := keepers()
	var marks []string
	for _, on := range []map[string]string{target.GetLabels(), target.GetAnnotations()} {
		for mark := range on {
			if known[mark] != "" {
				marks = append(marks, mark)
			}
		}
	}
	slices.Sort(marks)
	if len(marks) > 0 {
		r.refuse(CheckHolds, "suspend it there for the time, or hold it by exec", "%s keeps %s (%s), and would undo what holds it", known[marks[0]], what, marks[0])
	}
	if owner := metav1.GetControllerOf(target); owner != nil {
		r.refuse(CheckHolds, "scale or patch that instead", "%s %s keeps %s, and would undo what holds it", owner.Kind, owner.Name, what)
	}
	a := f.action(h)
	if a == nil || a.Scale == nil {
		return
	}
	for _, s := range f.Scalers {
		if s.Namespace == h.Namespace && s.Spec.ScaleTargetRef.Kind == a.Scale.Kind && s.Spec.ScaleTargetRef.Name == h.Name {
			judgeScaler(r, s, a.Scale, what)
		}
	}
}

// judgeScaler: an autoscaler leaves alone what has no pods; KEDA, which makes some of
// them, does not.
func judgeScaler(r *Report, s *autoscalingv2.HorizontalPodAutoscaler, a *v1alpha1.ScaleAction, what string) {
	keda := s.Labels["scaledobject.keda.sh/name"]
	switch {
	case keda != "":
		r.refuse(CheckHolds, "pause it (annotation autoscaling.keda.sh/paused-replicas), and hold by exec", "ScaledObject %s scales %s, and would undo what holds it", keda, what)
	case a.To > 0:
		r.refuse(CheckHolds, "scale it to 0, which an autoscaler leaves alone", "HorizontalPodAutoscaler %s scales %s, and would undo what holds it", s.Name, what)
	}
}
