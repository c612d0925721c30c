package candidate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// Annotations and labels by which others say that a pod is not to be moved.
const (
	// safeToEvict is Cluster Autoscaler's (FAQ, "What types of pods can prevent CA from removing a node?").
	safeToEvict = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	// doNotDisrupt is Karpenter's, on pods and nodes (docs, "Disruption").
	doNotDisrupt = "karpenter.sh/do-not-disrupt"
	// capiDrain is Cluster API's, with the values skip and wait-completed.
	capiDrain = "cluster.x-k8s.io/drain"
)

// PodRules are what may be done to pods. Names and meaning are those of kubectl
// drain's flags.
type PodRules struct {
	// Force moves pods without a controller: nobody makes them anew.
	Force bool
	// DeleteEmptyDirData moves pods with emptyDir volumes: what is in them is lost.
	DeleteEmptyDirData bool
	// Selector narrows the pods that move; the others stay, and go with the node.
	Selector labels.Selector
}

// Fate is what becomes of a pod whose node leaves.
type Fate int

// The fates.
const (
	// Stays: it goes with the node, as those of DaemonSets and static ones do.
	Stays Fate = iota
	// Moves: it is evicted, and needs another place.
	Moves
	// Ends: it is evicted, and nobody makes it anew: it has ended, or has no
	// controller.
	Ends
	// Leaves: it is being deleted already.
	Leaves
	// Keeps: the node cannot leave because of it.
	Keeps
)

// FateOf says what becomes of a pod whose node leaves; the blocker counts with
// Keeps alone.
func FateOf(p *corev1.Pod, s *snapshot.Snapshot, budgets *budget.Index, rules PodRules) (Fate, v1alpha1.Blocker) {
	owner := metav1.GetControllerOfNoCopy(p)
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	orphan := owner != nil && owner.Kind == "DaemonSet" && !s.HasDaemonSet(owner.UID)
	switch {
	case p.Annotations[corev1.MirrorPodAnnotationKey] != "":
		return Stays, v1alpha1.Blocker{}
	case owner != nil && owner.Kind == "DaemonSet" && !orphan:
		return Stays, v1alpha1.Blocker{}
	case p.DeletionTimestamp != nil:
		return Leaves, v1alpha1.Blocker{}
	case p.Labels[capiDrain] == "skip":
		return Stays, v1alpha1.Blocker{}
	case rules.Selector != nil && !rules.Selector.Matches(labels.Set(p.Labels)):
		return Stays, v1alpha1.Blocker{}
	case ended:
		return Ends, v1alpha1.Blocker{}
	}
	blocker := v1alpha1.Blocker{Pod: p.Namespace + "/" + p.Name}
	switch {
	case p.Labels[capiDrain] == "wait-completed":
		blocker.Reason, blocker.Message, blocker.Fix = "WaitCompleted", "its label "+capiDrain+" wants it to end by itself", "wait until it has ended"
		return Keeps, blocker
	case p.Annotations[safeToEvict] == "false":
		blocker.Reason, blocker.Message, blocker.Fix = "NotSafeToEvict", "annotation "+safeToEvict+" is false", "take the annotation away"
		return Keeps, blocker
	case p.Annotations[doNotDisrupt] != "" && p.Annotations[doNotDisrupt] != "false":
		blocker.Reason, blocker.Message, blocker.Fix = "DoNotDisrupt", "annotation "+doNotDisrupt, "take the annotation away"
		return Keeps, blocker
	case (owner == nil || orphan) && !rules.Force:
		blocker.Reason, blocker.Message, blocker.Fix = "NoController", "nobody makes it anew", "--force deletes it for good"
		return Keeps, blocker
	case !rules.DeleteEmptyDirData && hasEmptyDir(p):
		blocker.Reason, blocker.Message, blocker.Fix = "EmptyDir", "what is in its emptyDir is lost", "--delete-emptydir-data moves it all the same"
		return Keeps, blocker
	}
	if b, blocks := budgets.Blocks(p); blocks {
		blocker.Reason, blocker.Object, blocker.Message, blocker.Fix = b.Reason, "PodDisruptionBudget "+b.Object.String(), b.Text, b.Fix
		return Keeps, blocker
	}
	if owner == nil || orphan {
		return Ends, v1alpha1.Blocker{}
	}
	return Moves, v1alpha1.Blocker{}
}

func hasEmptyDir(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil })
}

// Contents are the pods of a node, by what becomes of them.
type Contents struct {
	// Moving need another place, Ending do not.
	Moving, Ending []*corev1.Pod
	Blockers       []v1alpha1.Blocker
	// Leaving are being deleted.
	Leaving int
}

// Evicted are all pods that are evicted.
func (c Contents) Evicted() []*corev1.Pod { return slices.Concat(c.Moving, c.Ending) }

// ContentsOf sorts the pods of a node.
func ContentsOf(node string, s *snapshot.Snapshot, budgets *budget.Index, rules PodRules) Contents {
	var c Contents
	for _, p := range s.On(node) {
		switch fate, blocker := FateOf(p, s, budgets, rules); fate {
		case Moves:
			c.Moving = append(c.Moving, p)
		case Ends:
			c.Ending = append(c.Ending, p)
		case Keeps:
			c.Blockers = append(c.Blockers, blocker)
		case Leaves:
			c.Leaving++
		case Stays:
		}
	}
	slices.SortFunc(c.Blockers, func(a, b v1alpha1.Blocker) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), strings.Compare(a.Pod, b.Pod))
	})
	return c
}

// DefaultGrace is what a pod has to end where it does not say (KEP-2000 and the
// API's default for terminationGracePeriodSeconds).
const DefaultGrace = corev1.DefaultTerminationGracePeriodSeconds * time.Second
