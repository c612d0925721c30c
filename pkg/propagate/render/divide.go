package render

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// Division is how replicas are divided among the clusters.
type Division struct {
	// Weights are the user's, by the names of clusters.
	Weights []weight.Weight
	// ByFree divides by the room that Live finds. Without it and without Weights
	// nothing is divided.
	ByFree bool
	// Live is what clusters were asked, by their names; nil if they were not.
	Live map[string]Live
	// Total is what is divided; nil: what each workload has.
	Total *int64
}

// Divides is true where there is anything to divide.
func (d Division) Divides() bool { return d.Weights != nil || d.ByFree }

// Replicas is a cluster's part of a workload.
type Replicas struct {
	Object          manifest.Object
	Replicas, Total int64
	// Tied says that others have as much claim to one replica, and that the names
	// decided.
	Tied bool
}

// resolve finds the clusters that weights name among those that are selected.
func resolve(weights []weight.Weight, clusters []inventory.Cluster) ([]weight.Weight, error) {
	resolved := make([]weight.Weight, len(weights))
	for i, w := range weights {
		found, err := inventory.Selector{Names: []string{w.Cluster}}.Select(clusters)
		if err != nil {
			return nil, fmt.Errorf("a weight is for %s, which is not selected; the clusters are %s", w.Cluster, inventory.Names(clusters))
		}
		name := found[0].Name
		if slices.ContainsFunc(resolved[:i], func(other weight.Weight) bool { return other.Cluster == name }) {
			return nil, fmt.Errorf("%s has two weights", name)
		}
		resolved[i] = weight.Weight{Cluster: name, Weight: w.Weight}
	}
	return resolved, nil
}

// workload is one object whose replicas are divided, in all clusters that get it.
type workload struct {
	kind            schema.GroupKind
	namespace, name string
}

// part is a workload in one cluster.
type part struct {
	*object
	scene *scene
}

// replicas is the field that is divided.
const replicasField = "/spec/replicas"

func replicasPath() manifest.Path { return manifest.Path{"spec", "replicas"} }

// divides says whether replicas of a kind are divided, as Karmada's interpreter
// does. Jobs are not: what is to be done once would be done in parts.
func divides(kind schema.GroupKind) bool {
	return kind.Group == "apps" && slices.Contains([]string{"Deployment", "ReplicaSet", "StatefulSet"}, kind.Kind)
}

func (x *renderer) workloads() (order []workload, parts map[workload][]part) {
	parts = map[workload][]part{}
	for _, s := range x.scenes {
		for _, o := range s.objects {
			kind := o.GroupVersionKind().GroupKind()
			if !divides(kind) {
				continue
			}
			w := workload{kind, cmp.Or(o.GetNamespace(), x.Namespace), o.GetName()}
			if parts[w] == nil {
				order = append(order, w)
			}
			parts[w] = append(parts[w], part{o, s})
		}
	}
	return order, parts
}

// divide divides the replicas of every workload.
func (x *renderer) divide() error {
	if x.Undivided || !x.Division.Divides() && x.Policies == nil {
		return nil
	}
	weights, err := resolve(x.Division.Weights, x.Clusters)
	if err != nil {
		return fmt.Errorf("--weight: %w", err)
	}
	order, parts := x.workloads()
	if len(order) == 0 && x.Division.Divides() {
		return errors.New("--weight: there is nothing to divide: none of the objects is a Deployment, StatefulSet or ReplicaSet")
	}
	for _, w := range order {
		if err := x.divideOne(parts[w], weights); err != nil {
			return err
		}
	}
	return nil
}

func (x *renderer) divideOne(parts []part, weights []weight.Weight) error {
	placed := divided(parts)
	switch {
	case placed == nil && !x.Division.Divides():
		return nil
	case placed != nil && x.Division.Divides():
		return fmt.Errorf("%s: %s divides the replicas of %s, and so do flags: take one of them out", placed.Origin, placed.Policy, parts[0].What())
	case placed != nil:
		weights = weightsOf(placed)
	}
	parts = slices.DeleteFunc(parts, func(p part) bool {
		scaled := x.scaled(p)
		if scaled {
			x.note("%s: a HorizontalPodAutoscaler has its replicas: they are not divided, and left as they are", p.What())
		}
		return scaled
	})
	if len(parts) == 0 {
		return nil
	}
	total, err := x.total(parts)
	if err != nil {
		return err
	}
	shares, err := x.shares(total, parts, weights, placed)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if placed != nil && shares[i].Replicas == 0 && total > 0 {
			p.withdraw()
			continue
		}
		if err := p.put(replicasPath(), shares[i].Replicas); err != nil {
			return p.Lines().Errorf(replicasPath(), "%w", err)
		}
		p.scene.replicas = append(p.scene.replicas, Replicas{p.Object, shares[i].Replicas, total, shares[i].Tied})
	}
	return nil
}

// shares divides, by weights or by room.
func (x *renderer) shares(total int64, parts []part, weights []weight.Weight, placed *policy.Placement) ([]weight.Share, error) {
	if x.Division.ByFree || placed != nil && placed.Division == policy.ByFree {
		return x.byFree(total, parts)
	}
	mine := make([]weight.Weight, len(parts))
	for i, p := range parts {
		mine[i].Cluster = p.scene.Name
		at := slices.IndexFunc(weights, func(w weight.Weight) bool { return w.Cluster == p.scene.Name })
		if at < 0 { // a cluster that was forgotten must not be emptied
			return nil, fmt.Errorf("--weight: %s has no weight; %s=0 gives it no replicas", p.scene.Name, p.scene.Name)
		}
		mine[i].Weight = weights[at].Weight
	}
	shares, err := weight.Split(total, mine)
	if err != nil {
		return nil, fmt.Errorf("--weight: %s: %w", parts[0].What(), err)
	}
	return shares, nil
}

// total is what is divided of a workload. What overrides have changed is not
// known to be meant for all clusters, or for one.
func (x *renderer) total(parts []part) (int64, error) {
	for _, p := range parts {
		for _, changed := range p.overridden {
			if sets(changed.field, replicasField) {
				return 0, fmt.Errorf("%s sets the replicas of %s in %s, and they are divided among the clusters: take one of them out", changed.by, p.What(), p.scene.Name)
			}
		}
	}
	if x.Division.Total != nil {
		return *x.Division.Total, nil
	}
	var total int64
	for i, p := range parts {
		own, err := replicasOf(p.object)
		if err != nil {
			return 0, err
		}
		if i > 0 && own != total {
			return 0, fmt.Errorf("%s has %d replicas for %s and %d for %s: say with --replicas what is divided",
				p.What(), total, parts[0].scene.Name, own, p.scene.Name)
		}
		total = own
	}
	return total, nil
}

// replicasOf is how many a workload asks for: one, if it does not say.
func replicasOf(o *object) (int64, error) {
	value, _ := look(o.Unstructured.Object, replicasPath())
	if value == nil {
		return 1, nil
	}
	n, is := value.(int64)
	if !is || n < 0 {
		return 0, o.Lines().Errorf(replicasPath(), "%v is no number of replicas", value)
	}
	return n, nil
}
