package hub

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// template is an object that goes to several clusters, and what is different
// there.
type template struct {
	manifest.Object

	// clusters are where it goes, as the hub calls them, and divided is true if its
	// replicas are divided among them by weights.
	clusters []string
	divided  bool
	variants []variant
}

// variant is a template in one cluster.
type variant struct {
	cluster string
	object  *unstructured.Unstructured
	patches []patch
}

// templates are the objects of all clusters: of each what most of them have, and
// in what the others differ.
func (p *planner) templates(rendered []render.Cluster) ([]*template, error) {
	var list []*template
	for _, c := range rendered {
		for i, o := range p.placed(c.Objects) {
			ref := set.RefOf(o.Unstructured)
			at := slices.IndexFunc(list, func(t *template) bool { return set.RefOf(t.Unstructured).Same(ref) })
			if at < 0 {
				at = len(list)
				list = append(list, &template{Object: o})
			}
			t := list[at]
			for _, r := range c.Replicas {
				if set.RefOf(r.Object.Unstructured).Same(set.RefOf(c.Objects[i].Unstructured)) {
					t.divided = true
					o.Unstructured = o.DeepCopy()
					if err := unstructured.SetNestedField(o.Object, r.Total, "spec", "replicas"); err != nil {
						return nil, err
					}
				}
			}
			t.clusters = append(t.clusters, p.known[c.Name])
			t.variants = append(t.variants, variant{cluster: p.known[c.Name], object: o.Unstructured})
		}
	}
	for _, t := range list {
		t.Unstructured = t.common()
		for i := range t.variants {
			t.variants[i].patches = patches(nil, t.Unstructured.Object, t.variants[i].object.Object)
		}
		slices.Sort(t.clusters)
	}
	return list, nil
}

// common is what most clusters have; of several the first.
func (t *template) common() *unstructured.Unstructured {
	var best *unstructured.Unstructured
	most := 0
	for _, one := range t.variants {
		n := 0
		for _, other := range t.variants {
			if reflect.DeepEqual(one.object.Object, other.object.Object) {
				n++
			}
		}
		if n > most {
			best, most = one.object, n
		}
	}
	return best
}
