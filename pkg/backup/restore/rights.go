package restore

import (
	"context"
	"slices"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// rights is an error for somebody who may not do all that the run does in the target: it
// would come out when something is there already. What can be done without is not asked for.
func (l *look) rights(ctx context.Context, parts []*v1alpha1.RestoreMember, s Settings) error {
	if s.Preview {
		return l.member.MayAll(ctx, previewing(parts))
	}
	const remembers = ", in which the cluster remembers the restore"
	all := []member.Access{
		{Verbs: []string{"get"}, Resource: "namespaces", Namespace: s.StateNamespace, Why: remembers},
		{Verbs: []string{"get", "create", "update"}, Resource: "secrets", Namespace: s.StateNamespace, Why: remembers},
		{Verbs: []string{"create", "update", "delete"}, Group: coordinationv1.GroupName, Resource: "leases", Namespace: s.StateNamespace, Why: remembers},
	}
	restores := []string{"get", "list", "create"}
	if l.plan.Spec.Purpose == v1alpha1.RestoreForDrill {
		restores = append(restores, "delete")
	}
	for _, namespace := range veleroNamespaces(parts) {
		all = append(all,
			member.Access{Verbs: restores, Group: velerov1.SchemeGroupVersion.Group, Resource: "restores", Namespace: namespace},
			member.Access{Verbs: []string{"get", "create"}, Group: velerov1.SchemeGroupVersion.Group, Resource: "serverstatusrequests", Namespace: namespace})
		if len(l.plan.Spec.StorageClassMappings) > 0 {
			all = append(all, member.Access{Verbs: []string{"get", "create", "patch"}, Resource: "configmaps", Namespace: namespace})
		}
	}
	for _, namespace := range execNamespaces(&l.plan.Spec, parts) {
		const needed = ": the probes and the set's word need it"
		all = append(all,
			member.Access{Verbs: []string{"list"}, Resource: "pods", Namespace: namespace, Why: needed},
			// A WebSocket is a GET; to SPDY, and to API servers since 1.35, it is a create.
			member.Access{Verbs: []string{"create", "get"}, Resource: "pods", Subresource: "exec", Namespace: namespace, Why: needed})
	}
	return l.member.MayAll(ctx, all)
}

// previewing is what a preview asks Velero for, some of it by making an object. What is there
// it reads, and a cluster says itself what it does not let it.
func previewing(parts []*v1alpha1.RestoreMember) []member.Access {
	var all []member.Access
	group := velerov1.SchemeGroupVersion.Group
	for _, namespace := range veleroNamespaces(parts) {
		all = append(all, member.Access{Verbs: []string{"list"}, Group: group, Resource: "restores", Namespace: namespace})
		for _, asking := range []string{"serverstatusrequests", "downloadrequests"} {
			all = append(all, member.Access{Verbs: []string{"get", "create"}, Group: group, Resource: asking, Namespace: namespace})
		}
	}
	return all
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

// everything warns where the user may not see all that a Restore makes.
func (l *look) everything(ctx context.Context) error {
	allowed, _, err := l.member.May(ctx, authorizationv1.ResourceAttributes{Verb: "list", Group: "*", Resource: "*"})
	if err == nil && !allowed {
		l.warn("rights", "you may not list all types: what is restored of one that you may not list is not waited for, nor deleted by a drill")
	}
	return err
}
