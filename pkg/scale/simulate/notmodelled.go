package simulate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// examples is how many names a sentence has.
const examples = 3

// What is modelled in no cluster.
const (
	preemption = "preemption: a pod of higher priority may displace others"
	profiles   = "a scheduler's own profile, extenders and plugins: the default ones are taken"
)

// IsAlways is true for a sentence of NotModelled that is in it whatever there is in the
// cluster.
func IsAlways(sentence string) bool { return sentence == preemption || sentence == profiles }

// NotModelled is what the plugins here do not know of this cluster, in sentences.
func (e *Engine) NotModelled() []string {
	out := []string{preemption}
	for _, about := range []struct {
		what string
		is   func(*corev1.Pod) bool
	}{
		{"dynamic resources, of which these pods have claims", func(p *corev1.Pod) bool { return len(p.Spec.ResourceClaims) > 0 }},
		{"gangs, of which these pods are", func(p *corev1.Pod) bool { return p.Spec.SchedulingGroup != nil }},
		{"other schedulers, which may decide otherwise about these pods", func(p *corev1.Pod) bool {
			return p.Spec.SchedulerName != "" && p.Spec.SchedulerName != corev1.DefaultSchedulerName
		}},
		{"every taint is tolerated by these pods, which may come back to a node that leaves", toleratesTaints},
	} {
		var names []string
		for _, p := range e.cluster.Pods {
			if about.is(p) {
				names = append(names, p.Namespace+"/"+p.Name)
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		text := strings.Join(names[:min(len(names), examples)], ", ")
		if more := len(names) - examples; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, about.what+": "+text)
	}
	return append(out, profiles)
}

// toleratesTaints: and somebody makes it anew, but not for this node. Tolerating cordons alone
// does not bring a pod back: nodes that leave have a taint beside.
func toleratesTaints(p *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil || owner.Kind == "Node" || isDaemon(p) {
		return false
	}
	return slices.ContainsFunc(p.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.Key == "" && t.Operator == corev1.TolerationOpExists && (t.Effect == "" || t.Effect == corev1.TaintEffectNoSchedule)
	})
}

// isDaemon is true for a pod that is for one node, and goes with it.
func isDaemon(p *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(p)
	return owner != nil && owner.Kind == "DaemonSet"
}
