package restore

import (
	"context"
	"slices"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// rights refuses where the user may not make Restores.
func (l *look) rights(ctx context.Context, namespace string) error {
	return l.may(ctx, "restores.velero.io", "", authorizationv1.ResourceAttributes{
		Verb: "create", Group: velerov1.SchemeGroupVersion.Group, Resource: "restores", Namespace: namespace,
	})
}

// execRights refuses where the user may not run the probes, or read the set's word, once
// all is restored. A WebSocket is a GET; to SPDY, and to API servers since 1.35, it is a
// create.
func (l *look) execRights(ctx context.Context, parts []*v1alpha1.RestoreMember) error {
	for _, namespace := range execNamespaces(&l.plan.Spec, parts) {
		for _, verb := range []string{"create", "get"} {
			err := l.may(ctx, "pods/exec", ": the probes and the set's word need it", authorizationv1.ResourceAttributes{
				Verb: verb, Resource: "pods", Subresource: "exec", Namespace: namespace,
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// execNamespaces are those of a target in which commands are run.
func execNamespaces(x *v1alpha1.RestoreExecutionSpec, parts []*v1alpha1.RestoreMember) []string {
	var names []string
	for _, part := range parts {
		for _, p := range x.Probes {
			if concerns(part, p.Clusters, p.Namespace) {
				names = append(names, inTarget(x, p.Namespace))
			}
		}
		if hasWord(x, part) {
			names = append(names, inTarget(x, x.Canary.Namespace))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// may refuses what the user may not do; why it is needed may be said.
func (l *look) may(ctx context.Context, what, needed string, right authorizationv1.ResourceAttributes) error {
	allowed, why, err := l.member.May(ctx, right)
	if err == nil && !allowed {
		l.refuse("rights", "", "you may not %s %s in namespace %s%s%s", right.Verb, what, right.Namespace, colon(why), needed)
	}
	return err
}

// everything warns where the user may not see all that a Restore makes.
func (l *look) everything(ctx context.Context) error {
	allowed, _, err := l.member.May(ctx, authorizationv1.ResourceAttributes{Verb: "list", Group: "*", Resource: "*"})
	if err == nil && !allowed {
		l.warn("rights", "you may not list all types: what is restored of one that you may not list is not waited for, nor deleted by a drill")
	}
	return err
}
