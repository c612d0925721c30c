package direct

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// unwanted are the changes of what the set has in the cluster and is no longer
// among the objects, in the order in which they are made.
func (p *planner) unwanted(ctx context.Context, wanted []*Change) ([]*Change, error) {
	var changes []*Change
	members, err := p.members(ctx)
	if err != nil {
		return nil, err
	}
	stays := map[set.Ref]bool{}
	for _, c := range wanted {
		stays[c.ref().Unversioned()] = true
	}
	for i := range members {
		if stays[set.RefOf(&members[i].Unstructured).Unversioned()] {
			continue
		}
		changes = append(changes, p.drop(&members[i].Unstructured, members[i].resource))
	}
	slices.SortStableFunc(changes, func(a, b *Change) int { return int(b.stage() - a.stage()) })
	return changes, nil
}

// heldMember is an object of the set as it is in the cluster.
type heldMember struct {
	unstructured.Unstructured

	resource member.Resource
}

// byRef finds members by Ref.Unversioned.
func byRef(members []heldMember) map[set.Ref]*heldMember {
	index := make(map[set.Ref]*heldMember, len(members))
	for i := range members {
		index[set.RefOf(&members[i].Unstructured).Unversioned()] = &members[i]
	}
	return index
}

// members are the objects in the cluster that have the set's label.
func (p *planner) members(ctx context.Context) ([]heldMember, error) {
	var lists []collection
	for _, kind := range p.set.Journal.Kinds {
		resource, err := p.typeOf(ctx, kind)
		if member.ReasonOf(err) == member.ReasonNotInstalled && err != nil {
			continue // with its definition all of its objects went
		}
		if err != nil {
			return nil, err
		}
		namespaces := []string{""}
		if resource.Namespaced {
			namespaces = p.set.Journal.Namespaces
		}
		for _, namespace := range namespaces {
			lists = append(lists, collection{resource, namespace})
		}
	}
	found := make([][]heldMember, len(lists))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, list := range lists {
		group.Go(func() (err error) {
			found[i], err = p.membersIn(reading, list)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(found...), nil
}

// typeOf is the type of a kind, whatever its version; that of the changes, if they have
// one, is known already.
func (p *planner) typeOf(ctx context.Context, kind schema.GroupKind) (member.Resource, error) {
	for _, c := range p.Changes {
		if r := c.Resource; r.Kind == kind.Kind && r.Group == kind.Group && r.Resource != "" {
			return r, nil
		}
	}
	return p.member.Resource(ctx, kind.Kind+"."+kind.Group)
}

// In lists the objects of the set that another cluster has, to which the plan's brings
// it. which chooses among the kinds.
func (p *Plan) In(ctx context.Context, m *member.Member, which func(schema.GroupKind) bool) ([]*unstructured.Unstructured, error) {
	there := *p.set
	there.Journal.Kinds = slices.DeleteFunc(slices.Clone(there.Journal.Kinds), func(kind schema.GroupKind) bool { return !which(kind) })
	held, err := (&planner{Plan: &Plan{member: m, set: &there}}).members(ctx)
	objects := make([]*unstructured.Unstructured, len(held))
	for i := range held {
		objects[i] = &held[i].Unstructured
	}
	return objects, err
}

// membersIn are those of one collection.
func (p *planner) membersIn(ctx context.Context, at collection) ([]heldMember, error) {
	var found []heldMember
	request := member.ListRequest{Resource: at.resource, Namespace: at.namespace, LabelSelector: set.PartOfLabel + "=" + p.set.PartOf(), Limit: 500}
	if p.healthOnly && hasNoStatus(at.resource) {
		return p.presentIn(ctx, request)
	}
	for page, err := range p.member.Objects(ctx, request) {
		if member.ReasonOf(err) == member.ReasonNotFound && err != nil {
			break // its definition was deleted a moment ago
		}
		if err != nil {
			return nil, err
		}
		for i := range page {
			found = append(found, heldMember{page[i], at.resource})
		}
	}
	return found, nil
}

// hasNoStatus is true for types of which an object is current when it is there. What else
// they hold may be much, and secret.
func hasNoStatus(r member.Resource) bool {
	switch r.Group {
	case "":
		return r.Kind == "ConfigMap" || r.Kind == "Secret" || r.Kind == "ServiceAccount"
	case "rbac.authorization.k8s.io":
		return true
	}
	return false
}

// presentIn are the members of one collection by name, and whether they are being deleted.
func (p *planner) presentIn(ctx context.Context, request member.ListRequest) ([]heldMember, error) {
	var found []heldMember
	for page, err := range p.member.Metadata(ctx, request) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			ref := set.Ref{GroupVersionKind: request.Resource.GroupVersion().WithKind(request.Resource.Kind), Namespace: page[i].Namespace, Name: page[i].Name}
			o := ref.Object()
			o.SetDeletionTimestamp(page[i].DeletionTimestamp)
			found = append(found, heldMember{*o, request.Resource})
		}
	}
	return found, nil
}

// drop is the change of an object that is no longer wanted.
func (p *planner) drop(live *unstructured.Unstructured, resource member.Resource) *Change {
	c := Found(resource, manifest.Object{Unstructured: set.RefOf(live).Object()}, live)
	kind := live.GroupVersionKind().GroupKind()
	switch ref := set.RefOf(live); {
	case !p.options.Prune, p.options.pruneOnly != nil && !p.options.pruneOnly(ref):
		c.Action, c.Why = ActionKeep, "no longer among the objects; --prune deletes it"
	case live.GetDeletionTimestamp() != nil:
		c.Action, c.Why = ActionKeep, "it is being deleted"
	case p.current.IsFound(ref):
		c.Action, c.Why, c.taken = ActionRelease, "it was there before the set", p.current.TakenOf(ref)
	case IsProtected(kind) && !p.mayDelete(kind):
		c.Action, c.Why = ActionKeep, "its kind is protected; --delete-kinds "+kind.Kind+" deletes it"
	default:
		c.Action = ActionDelete
	}
	return c
}

// IsProtected is true for the kinds whose deletion takes data or other objects
// with it.
func IsProtected(kind schema.GroupKind) bool {
	switch kind.String() {
	case "Namespace", "CustomResourceDefinition.apiextensions.k8s.io", "PersistentVolumeClaim", "PersistentVolume":
		return true
	}
	return false
}

func (p *planner) mayDelete(kind schema.GroupKind) bool {
	return slices.ContainsFunc(p.options.DeleteKinds, func(named string) bool {
		return strings.EqualFold(named, kind.Kind) || strings.EqualFold(named, kind.String())
	})
}
