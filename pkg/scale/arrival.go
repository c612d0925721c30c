package scale

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// unready says why a new node does not take pods yet; empty if it does. peers are
// the other nodes of its pool, pods what runs on it.
func unready(n *corev1.Node, peers []*corev1.Node, daemons []*appsv1.DaemonSet, pods []*corev1.Pod) string {
	if !candidate.IsReady(n) {
		return "it is not Ready"
	}
	if n.Spec.Unschedulable {
		return "it is cordoned"
	}
	for _, t := range n.Spec.Taints {
		if t.Effect != corev1.TaintEffectPreferNoSchedule && isStartup(t, peers) {
			return "taint " + t.ToString()
		}
	}
	for _, d := range daemons {
		if !belongs(d, n) {
			continue
		}
		runs := slices.ContainsFunc(pods, func(p *corev1.Pod) bool {
			return p.DeletionTimestamp == nil && metav1.IsControlledBy(p, d) && budget.IsReady(p)
		})
		if !runs {
			return fmt.Sprintf("DaemonSet %s/%s has no Ready pod on it", d.Namespace, d.Name)
		}
	}
	return ""
}

// isStartup is true for a taint that goes away when the node is complete: one that is
// known for it, and any that no other node of the pool has.
func isStartup(t corev1.Taint, peers []*corev1.Node) bool {
	for _, prefix := range []string{"node.kubernetes.io/", "startup-taint.", "ignore-taint."} {
		if strings.HasPrefix(t.Key, prefix) {
			return true
		}
	}
	// Cloud providers, Cluster API, Karpenter, and agents of networks and storage.
	for _, suffix := range []string{"/uninitialized", "/unregistered", "/agent-not-ready"} {
		if strings.HasSuffix(t.Key, suffix) {
			return true
		}
	}
	if len(peers) == 0 {
		return false
	}
	return !slices.ContainsFunc(peers, func(peer *corev1.Node) bool {
		return slices.ContainsFunc(peer.Spec.Taints, func(has corev1.Taint) bool { return has.MatchTaint(&t) })
	})
}

// belongs is true if a DaemonSet should have a pod on a node that is Ready.
func belongs(d *appsv1.DaemonSet, n *corev1.Node) bool {
	template := &corev1.Pod{Spec: d.Spec.Template.Spec}
	if d.DeletionTimestamp != nil || template.Spec.NodeName != "" && template.Spec.NodeName != n.Name {
		return false
	}
	if fits, err := nodeaffinity.GetRequiredNodeAffinity(template).Match(n); err != nil || !fits {
		return false
	}
	hard := func(t *corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule }
	_, repelled := corev1helper.FindMatchingUntoleratedTaint(klog.Logger{}, n.Spec.Taints, template.Spec.Tolerations, hard, false)
	return !repelled
}
