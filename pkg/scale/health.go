package scale

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// unhealthy is why no node should leave a cluster now, in sentences. Nodes that are
// to leave do not count.
func unhealthy(s *snapshot.Snapshot, workers []*corev1.Node, leaving func(*corev1.Node) bool) []string {
	var out []string
	var down []string
	for _, n := range workers {
		if !candidate.IsReady(n) && !leaving(n) {
			down = append(down, n.Name)
		}
	}
	if most := max(1, len(workers)/20); len(down) > most {
		slices.Sort(down)
		out = append(out, fmt.Sprintf("%d of %d workers are not Ready, such as %s: more than %d", len(down), len(workers), down[0], most))
	}
	for _, b := range s.Budgets {
		if b.Status.ObservedGeneration < b.Generation && time.Since(b.CreationTimestamp.Time) > settled {
			out = append(out, fmt.Sprintf("the disruption controller has not seen PodDisruptionBudget %s/%s as it is: does kube-controller-manager run?", b.Namespace, b.Name))
			break
		}
	}
	return out
}

// rolling are the workloads that are being rolled out, by UID. Their pods come and
// go by themselves, and what a budget says of them changes meanwhile.
func rolling(s *snapshot.Snapshot) map[types.UID]string {
	found := map[types.UID]string{}
	for _, d := range s.Deployments {
		if why := rollingDeployment(d); why != "" {
			found[d.UID] = why
		}
	}
	for _, set := range s.StatefulSets {
		if set.Status.ObservedGeneration < set.Generation || set.Status.UpdateRevision != set.Status.CurrentRevision && set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType {
			found[set.UID] = fmt.Sprintf("StatefulSet %s/%s is being rolled out", set.Namespace, set.Name)
		}
	}
	return found
}

func rollingDeployment(d *appsv1.Deployment) string {
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	if d.Spec.Paused || d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas >= want && d.Status.Replicas <= d.Status.UpdatedReplicas {
		return ""
	}
	return fmt.Sprintf("Deployment %s/%s is being rolled out", d.Namespace, d.Name)
}

// autoscaler is a sentence if Cluster Autoscaler works in a cluster; it might bring
// back what leaves.
func autoscaler(s *snapshot.Snapshot) string {
	for _, d := range s.Deployments {
		if strings.Contains(d.Name, "cluster-autoscaler") && d.Status.ReadyReplicas > 0 {
			return fmt.Sprintf("Cluster Autoscaler runs (Deployment %s/%s): it may add nodes again, and remove others meanwhile", d.Namespace, d.Name)
		}
	}
	return ""
}
