package render

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/capacity"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// Live is what a cluster was asked about the workloads that are divided.
type Live struct {
	// Free is its room; nil if nobody asked for it.
	Free *capacity.Free
	// Scaled are the workloads that autoscalers there have, or are to have.
	Scaled map[capacity.Workload]capacity.Scaling
}

// NamespaceOf is the namespace that an object with one gets in a cluster.
func (r Request) NamespaceOf(o manifest.Object, c inventory.Cluster) string {
	return cmp.Or(o.GetNamespace(), r.Namespace, c.Namespace, metav1.NamespaceDefault)
}

// Candidates are the workloads that are divided among the final objects of a
// cluster.
func (r Request) Candidates(c inventory.Cluster, objects []manifest.Object) []capacity.Candidate {
	planned := r.autoscaled(c, objects)
	var all []capacity.Candidate
	for _, o := range objects {
		if divides(o.GroupVersionKind().GroupKind()) {
			w := r.workloadOf(o, c)
			all = append(all, capacity.Candidate{Workload: w, GroupVersion: o.GroupVersionKind().GroupVersion(), Planned: planned[w]})
		}
	}
	return all
}

// autoscaled are the workloads that autoscalers among the objects have.
func (r Request) autoscaled(c inventory.Cluster, objects []manifest.Object) map[capacity.Workload]bool {
	found := map[capacity.Workload]bool{}
	for _, o := range objects {
		if o.GroupVersionKind().GroupKind() == (schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}) {
			target := capacity.TargetOf(o.Unstructured)
			target.Namespace = r.NamespaceOf(o, c)
			found[target] = true
		}
	}
	return found
}

func (r Request) workloadOf(o manifest.Object, c inventory.Cluster) capacity.Workload {
	return capacity.Workload{Kind: o.GetKind(), Namespace: r.NamespaceOf(o, c), Name: o.GetName()}
}

// byFree divides by room. Each workload is divided as if it were the only one.
func (x *renderer) byFree(total int64, parts []part) ([]weight.Share, error) {
	rooms := make([]weight.Room, len(parts))
	for i, p := range parts {
		fits, err := x.fits(p)
		if err != nil {
			return nil, err
		}
		rooms[i] = weight.Room{Cluster: p.scene.Name, Fits: fits}
	}
	shares, err := weight.ByFree(total, rooms)
	if err != nil {
		return nil, fmt.Errorf("--weight-by free: %s: %w", parts[0].What(), err)
	}
	return shares, nil
}

// fits is how many pods of a workload fit into its cluster.
func (x *renderer) fits(p part) (int64, error) {
	free := x.Division.Live[p.scene.Name].Free
	if free == nil {
		return 0, fmt.Errorf("%s was not asked what is free", p.scene.Name)
	}
	var spec struct {
		Selector metav1.LabelSelector   `json:"selector"`
		Template corev1.PodTemplateSpec `json:"template"`
	}
	fields, _ := p.Unstructured.Object["spec"].(map[string]any)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &spec); err != nil {
		return 0, p.Lines().Errorf(manifest.Path{"spec"}, "%w", err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&spec.Selector)
	if err != nil {
		return 0, p.Lines().Errorf(manifest.Path{"spec", "selector"}, "%w", err)
	}
	fits, err := free.Fits(x.NamespaceOf(p.Object, p.scene.Cluster), selector, spec.Template)
	if err != nil {
		return 0, p.Lines().Errorf(manifest.Path{"spec", "template", "spec"}, "%w", err)
	}
	return fits, nil
}

// scaled says whether an autoscaler, among the objects or in the cluster, has the
// replicas of a workload. They are taken out of it then, so that they are the
// autoscaler's alone; or stay what they are in the cluster, where they are ours.
func (x *renderer) scaled(p part) bool {
	workload := x.workloadOf(p.Object, p.scene.Cluster)
	scaling, is := x.Division.Live[p.scene.Name].Scaled[workload]
	switch {
	case !is && !x.autoscaled(p.scene.Cluster, p.scene.final())[workload]:
		return false
	case scaling.Held != nil:
		_ = p.put(replicasPath(), *scaling.Held) // a workload in a cluster has a spec that is an object
	case p.has(replicasPath()):
		_ = p.put(replicasPath(), nil) // it is there, so that it can be taken away
	}
	return true
}
