package direct

import (
	"cmp"
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// prepare finds the types of the objects and gives them namespace and label.
func (p *planner) prepare(ctx context.Context, objects []manifest.Object) ([]*Change, error) {
	for _, o := range objects {
		switch kind := o.GroupVersionKind().GroupKind(); kind {
		case schema.GroupKind{Kind: "Namespace"}:
			p.spaces[o.GetName()] = true
		case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			name, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			scope, _, _ := unstructured.NestedString(o.Object, "spec", "scope")
			p.planned[schema.GroupKind{Group: group, Kind: name}] = member.Resource{Kind: name, Namespaced: scope == "Namespaced"}
		}
	}
	changes := make([]*Change, 0, len(objects))
	written := map[set.Ref]*Change{} // by kind, whatever the version
	for _, o := range objects {
		resource, installed, err := p.resource(ctx, o)
		if err != nil {
			if !isRefusal(err) {
				return nil, err
			}
			p.refuse(o, err)
			continue
		}
		namespace, err := p.place(o, resource)
		if err != nil {
			p.refuse(o, err)
			continue
		}
		form, err := p.options.Forms.of(o.Unstructured, namespace, p.set.PartOf())
		if err != nil {
			p.refuse(o, err)
			continue
		}
		o.Unstructured = form
		c := &Change{Object: o, Resource: resource, Untried: !installed}
		id := c.ref().Unversioned()
		if other := written[id]; other != nil {
			p.refuse(o, refused("it is written twice, with its namespace and without; the other is at %s", other.Object.Origin))
			continue
		}
		written[id] = c
		changes = append(changes, c)
	}
	return changes, nil
}

// resource is the type of an object. installed is false where its CRD is only
// planned, which says whether it is namespaced, and no more.
func (p *planner) resource(ctx context.Context, o manifest.Object) (r member.Resource, installed bool, err error) {
	kind := o.GroupVersionKind()
	if r, known := p.resources[kind]; known {
		return r, true, nil
	}
	r, err = p.member.ResourceOf(ctx, kind, false)
	if err == nil {
		p.resources[kind] = r
		return r, true, nil
	}
	if member.ReasonOf(err) != member.ReasonNotInstalled {
		return r, false, err
	}
	if r, planned := p.planned[kind.GroupKind()]; planned {
		return r, false, nil
	}
	return r, false, &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("the cluster has no kind %s of %s", kind.Kind, kind.GroupVersion())}
}

// place is the namespace that an object goes to, as with kubectl; "" for one of the
// whole cluster.
func (p *planner) place(o manifest.Object, r member.Resource) (string, error) {
	switch given := o.GetNamespace(); {
	case !r.Namespaced && given != "":
		return "", refused("it is of the whole cluster, and names the namespace %s", given)
	case !r.Namespaced:
		return "", nil
	case given == "":
		return cmp.Or(p.options.Namespace, p.member.Cluster().Namespace, "default"), nil
	case p.options.Namespace != "" && given != p.options.Namespace:
		return "", refused("it names the namespace %s, and --namespace is %s", given, p.options.Namespace)
	default:
		return given, nil
	}
}
