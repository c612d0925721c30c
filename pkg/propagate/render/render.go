// Package render makes the final objects of each cluster out of those of the
// input: overrides, images, variables and divided replicas. It asks no
// cluster for anything.
package render

import (
	"fmt"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// Request is what is rendered.
type Request struct {
	Clusters []inventory.Cluster
	// Listed are all clusters that there are, those that were not selected, too.
	Listed []inventory.Cluster
	// Objects are those of the input, for every cluster.
	Objects []manifest.Object
	// Own are the objects of each cluster, by its name, where each has its own. They
	// stand in the place of Objects.
	Own map[string][]manifest.Object
	// Namespace is that of objects that name none; empty: it is each cluster's own.
	Namespace string

	// Policies say which cluster gets what, and what is different there; nil: none do.
	Policies  *policy.Set
	Overrides []Override
	Images    []ImageChange
	// Registry, if not empty, has all images.
	Registry Registry
	Division Division
	// Undivided leaves the replicas as they are, whoever divides them.
	Undivided bool
}

// Cluster is what one cluster gets.
type Cluster struct {
	Name    string
	Objects []manifest.Object
	// Replicas are of the workloads that were divided.
	Replicas []Replicas
	// Overridden are the fields that overrides made different here.
	Overridden []Overridden
}

// Result is what all clusters get, in their order.
type Result struct {
	Clusters []Cluster
	// Notes are what was done that is not plain, each once.
	Notes []string
}

// Render renders. Every error is one of the user's input.
func Render(r Request) (Result, error) {
	x := &renderer{Request: r}
	steps := []func() error{x.begin, x.place, x.variables, x.policies, x.overrides, x.images, x.mirror, x.divide, x.unique}
	for _, step := range steps {
		if err := step(); err != nil {
			return Result{}, err
		}
	}
	result := Result{Notes: x.notes}
	for _, s := range x.scenes {
		c := Cluster{Name: s.Name, Objects: s.final(), Replicas: s.replicas}
		for _, o := range s.objects {
			c.Overridden = append(c.Overridden, o.differs()...)
		}
		result.Clusters = append(result.Clusters, c)
	}
	return result, nil
}

// renderer renders. Each step looks at all clusters: what means nothing to any of
// them is an error, and replicas are divided among them.
type renderer struct {
	Request
	scenes []*scene
	notes  []string
}

// scene is one cluster while its objects are rendered.
type scene struct {
	inventory.Cluster
	objects  []*object
	replicas []Replicas
}

// final are the objects as they are now.
func (s *scene) final() []manifest.Object {
	objects := make([]manifest.Object, len(s.objects))
	for i, o := range s.objects {
		objects[i] = o.Object
	}
	return objects
}

func (x *renderer) begin() error {
	for _, c := range x.Clusters {
		s := &scene{Cluster: c}
		objects := x.Objects
		if x.Own != nil {
			objects = x.Own[c.Name]
		}
		for _, o := range objects {
			s.objects = append(s.objects, &object{Object: o})
		}
		x.scenes = append(x.scenes, s)
	}
	return nil
}

// note says something once.
func (x *renderer) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(x.notes, text) {
		x.notes = append(x.notes, text)
	}
}

// unique refuses what became the same object in one cluster.
func (x *renderer) unique() error {
	for _, s := range x.scenes {
		if err := manifest.Unique(s.final()); err != nil {
			return fmt.Errorf("%w, for %s", err, s.Name)
		}
	}
	return nil
}

// ByCluster are the final objects of each cluster, by its name.
func (r Result) ByCluster() map[string][]manifest.Object {
	objects := map[string][]manifest.Object{}
	for _, c := range r.Clusters {
		objects[c.Name] = c.Objects
	}
	return objects
}
