package candidate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// What others write who drain nodes, reboot them, and let them take pods again.
const (
	// kured's (kubereboot/kured: internal/daemonsetlock, and --annotate-nodes).
	kuredLock      = "weave.works/kured-node-lock"
	kuredRebooting = "weave.works/kured-reboot-in-progress"

	// The Machine Config Operator's (openshift/machine-config-operator: pkg/daemon/constants).
	machineConfig  = "machineconfiguration.openshift.io/"
	mcoState       = machineConfig + "state"
	mcoReason      = machineConfig + "reason"
	mcoCurrent     = machineConfig + "currentConfig"
	mcoDesired     = machineConfig + "desiredConfig"
	mcoDrain       = machineConfig + "desiredDrain"
	mcoLastDrain   = machineConfig + "lastAppliedDrain"
	mcoDone        = "Done"
	mcoDrainPrefix = "drain-"

	// The Node Maintenance Operator's, beside its objects (medik8s/node-maintenance-operator: controllers/taint.go).
	nmoTaint = "medik8s.io/drain"
)

// foreign is who else works on a node, and what ends that; nil: nobody is known to.
func foreign(n *corev1.Node, s *snapshot.Snapshot, now time.Time) *v1alpha1.Blocker {
	return cmp.Or(kured(n, s, now), maintained(n, s), configured(n))
}

// lock is what kured writes on its DaemonSet: one of these, or several.
type lock struct {
	NodeID  string        `json:"nodeID"`
	Created time.Time     `json:"created"`
	TTL     time.Duration `json:"TTL"` // 0: for ever
	Locks   []lock        `json:"locks"`
}

// holds is true if the lock is a node's, and kured itself would heed it.
func (l lock) holds(node string, now time.Time) bool {
	if l.NodeID == node && (l.TTL <= 0 || now.Sub(l.Created) < l.TTL) {
		return true
	}
	return slices.ContainsFunc(l.Locks, func(one lock) bool { return one.holds(node, now) })
}

// kured is what kured is about to do to a node.
func kured(n *corev1.Node, s *snapshot.Snapshot, now time.Time) *v1alpha1.Blocker {
	for _, d := range s.DaemonSets {
		var l lock
		if text, has := d.Annotations[kuredLock]; !has || json.Unmarshal([]byte(text), &l) != nil || !l.holds(n.Name, now) {
			continue
		}
		return &v1alpha1.Blocker{
			Reason: "Kured", Object: "DaemonSet " + d.Namespace + "/" + d.Name, Message: "kured has its lock for it, and reboots it",
			Fix: fmt.Sprintf("wait until it has rebooted; if it never will: kubectl annotate daemonset -n %s %s %s-", d.Namespace, d.Name, kuredLock),
		}
	}
	if _, has := n.Annotations[kuredRebooting]; has {
		return &v1alpha1.Blocker{Reason: "Kured", Message: "kured is about to reboot it (annotation " + kuredRebooting + ")", Fix: "wait until it has rebooted"}
	}
	return nil
}

// maintained is what the Node Maintenance Operator was told about a node.
func maintained(n *corev1.Node, s *snapshot.Snapshot) *v1alpha1.Blocker {
	for _, m := range s.Maintenances {
		if m.Node != n.Name {
			continue
		}
		message := "it is in maintenance"
		if m.Reason != "" {
			message += ": " + m.Reason
		}
		return &v1alpha1.Blocker{Reason: "NodeMaintenance", Object: "NodeMaintenance " + m.Name, Message: message, Fix: "kubectl delete nodemaintenance " + m.Name + " ends that"}
	}
	if slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == nmoTaint }) {
		return &v1alpha1.Blocker{
			Reason: "NodeMaintenance", Message: "it is in maintenance (taint " + nmoTaint + ")", Fix: "kubectl get nodemaintenances says by which object: deleting that ends it",
		}
	}
	return nil
}

// configured is what the Machine Config Operator has not finished with a node.
func configured(n *corev1.Node) *v1alpha1.Blocker {
	has := n.Annotations
	b := &v1alpha1.Blocker{Reason: "MachineConfig", Fix: "wait until its annotation " + mcoState + " is " + mcoDone}
	switch state := has[mcoState]; {
	case state != "" && state != mcoDone:
		b.Message = "the Machine Config Operator is at work on it, and " + state
		if reason := has[mcoReason]; reason != "" {
			b.Message += ": " + reason
		}
	case has[mcoDrain] != has[mcoLastDrain] || strings.HasPrefix(has[mcoDrain], mcoDrainPrefix):
		b.Message = "the Machine Config Operator drains it, or has not given it back (annotation " + mcoDrain + ")"
	case has[mcoCurrent] != has[mcoDesired]:
		b.Message = "the Machine Config Operator has another configuration for it (annotation " + mcoDesired + ")"
	default:
		return nil
	}
	return b
}
