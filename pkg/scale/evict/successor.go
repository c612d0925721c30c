package evict

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// replacedBy is the controller that makes another pod as soon as this one is asked to
// leave; empty: none does. A StatefulSet waits until the old pod has ended, a Job waits
// longer after each, and of other controllers nobody knows.
func replacedBy(p *corev1.Pod) types.UID {
	if c := metav1.GetControllerOfNoCopy(p); c != nil && (c.Kind == "ReplicaSet" || c.Kind == "ReplicationController") {
		return c.UID
	}
	return ""
}

// nextOf is how many new pods of a controller will have a node when the one that comes
// for its next eviction has: each that was asked for before has one of its own.
func (d *Drain) nextOf(controller types.UID) int {
	if controller == "" {
		return 0
	}
	next := d.View.hasPlaced(controller) + 1
	for _, a := range d.asked {
		if a.controller == controller && d.isFresh(a) {
			next++
		}
	}
	return next
}

// isFresh is true for an eviction that has a place abreast: it is not answered, or the pod
// that comes instead has no node yet, and neither takes for longer than is brief.
func (d *Drain) isFresh(a asked) bool {
	return time.Since(a.at) < brief && (a.open || a.controller != "" && d.View.hasPlaced(a.controller) < a.placed)
}
