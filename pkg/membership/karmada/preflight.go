package karmada

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

// refusal is a check that says no, before anything was written.
func refusal(format string, args ...any) error {
	return &membership.RefusedError{Err: fmt.Errorf(format, args...)}
}

// rights are those to do verbs to objects.
func rights(objects []*unstructured.Unstructured, verbs ...string) []authorizationv1.ResourceAttributes {
	var needed []authorizationv1.ResourceAttributes
	for _, o := range objects {
		r := resourceOf(o.GetKind())
		for _, verb := range verbs {
			needed = append(needed, authorizationv1.ResourceAttributes{
				Verb: verb, Group: r.Group, Version: r.Version, Resource: r.GroupVersionResource.Resource, Namespace: o.GetNamespace(),
			})
		}
	}
	return needed
}

// rightTo is that to do something to a subresource of an object.
func rightTo(verb string, o *unstructured.Unstructured, subresource string) authorizationv1.ResourceAttributes {
	right := rights([]*unstructured.Unstructured{o}, verb)[0]
	right.Subresource = subresource
	return right
}

// need is what has to be allowed in one cluster.
type need struct {
	where  string // the cluster's name
	member *member.Member
	rights []authorizationv1.ResourceAttributes
}

// permitted is nil if the user has all of these rights, and else a refusal that
// names whatever is missing, in all of the clusters.
func permitted(ctx context.Context, needs ...need) error {
	var missing []string
	for _, n := range needs {
		denied, err := n.denied(ctx)
		if err != nil {
			return err
		}
		if len(denied) > 0 {
			missing = append(missing, fmt.Sprintf("in %s you may not %s", n.where, strings.Join(denied, ", ")))
		}
	}
	if len(missing) > 0 {
		return refusal("%w", &member.DeniedError{Err: errors.New(strings.Join(missing, "; "))})
	}
	return nil
}

// denied are the rights that the user does not have, in words.
func (n need) denied(ctx context.Context) ([]string, error) {
	needed := slices.Clone(n.rights)
	sort.SliceStable(needed, func(i, j int) bool {
		a, b := needed[i], needed[j]
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Subresource, b.Subresource), cmp.Compare(a.Verb, b.Verb)) < 0
	})
	needed = slices.CompactFunc(needed, func(a, b authorizationv1.ResourceAttributes) bool {
		return a.Verb == b.Verb && a.Resource == b.Resource && a.Subresource == b.Subresource && a.Namespace == b.Namespace
	})
	denied := make([]string, len(needed))
	errs := make([]error, len(needed))
	var wg sync.WaitGroup
	for i := range needed {
		wg.Go(func() {
			allowed, _, err := n.member.May(ctx, needed[i])
			if err != nil {
				errs[i] = err
			} else if !allowed {
				denied[i] = inWords(needed[i])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(denied, func(s string) bool { return s == "" }), nil
}

func inWords(a authorizationv1.ResourceAttributes) string {
	text := a.Verb + " " + a.Resource
	if a.Group != "" {
		text += "." + a.Group
	}
	if a.Subresource != "" {
		text += "/" + a.Subresource
	}
	if a.Namespace != "" {
		text += " in namespace " + a.Namespace
	}
	return text
}

func isBinding(o *unstructured.Unstructured) bool {
	return o.GetKind() == kindClusterRoleBinding || o.GetKind() == kindRoleBinding
}

// mayBind is about a binding of which a server says that its role is not there, which is
// planned, too: it looks whether the user has the role's rights, since he may not bind any
// role. Who could make the role has them, or may make any.
func mayBind(ctx context.Context, where string, m *member.Member, binding *unstructured.Unstructured) error {
	role := []*unstructured.Unstructured{newObject(strings.TrimSuffix(binding.GetKind(), "Binding"), binding.GetNamespace(), "", nil, nil)}
	denied, err := need{where, m, rights(role, "escalate")}.denied(ctx)
	if err != nil || len(denied) > 0 {
		return err
	}
	return permitted(ctx, need{where, m, rights(role, "bind")})
}

// refusedByServer makes a refusal of a 403: a dry run found it out, and nothing
// was written.
func refusedByServer(where string, o *unstructured.Unstructured, err error) error {
	if member.ReasonOf(err) == member.ReasonForbidden {
		return refusal("%s: %s: %w", where, what(o), err)
	}
	return failed(where, o, err)
}

// failed says at which object of which cluster something failed. The reason
// stays that of the failure.
func failed(where string, o *unstructured.Unstructured, err error) error {
	if err == nil {
		return nil
	}
	return &member.Error{Reason: member.ReasonOf(err), Err: fmt.Errorf("%s: %s: %w", where, what(o), err)}
}
