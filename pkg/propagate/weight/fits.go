package weight

import (
	"math"

	corev1 "k8s.io/api/core/v1"
)

// NodeFree is what a node has, and what is taken of it. The number of pods is
// under the name pods in both.
type NodeFree struct{ Allocatable, Requested corev1.ResourceList }

// Fits is how many pods that request this much fit on the nodes. Which nodes a pod
// may be on at all (taints, affinity, cordons) is the caller's to know, and so is
// what a pod requests with its init containers and overhead.
func Fits(nodes []NodeFree, requests corev1.ResourceList) int64 {
	var sum int64
	for _, node := range nodes {
		fits := node.fits(requests)
		if sum > math.MaxInt64-fits {
			return math.MaxInt64
		}
		sum += fits
	}
	return sum
}

func (n NodeFree) fits(requests corev1.ResourceList) int64 {
	fits := n.free(corev1.ResourcePods)
	for name := range requests {
		// A pod counts as one, and has done so already.
		if want := amount(requests, name); want > 0 && name != corev1.ResourcePods {
			fits = min(fits, n.free(name)/want)
		}
	}
	return fits
}

// free is never negative: static pods and a shrunken node can have more than there is.
func (n NodeFree) free(name corev1.ResourceName) int64 {
	return max(0, amount(n.Allocatable, name)-amount(n.Requested, name))
}

// amount is in the units that the scheduler counts in, rounded up.
func amount(list corev1.ResourceList, name corev1.ResourceName) int64 {
	quantity := list[name]
	if name == corev1.ResourceCPU {
		return quantity.MilliValue()
	}
	return quantity.Value()
}
