package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// Denial is something that the user may not do.
type Denial struct {
	Verb, Resource, Namespace string
	// Matters: nothing may be begun without it.
	Matters bool
	// Lost is what is lacking without it, where nothing depends on it.
	Lost string
}

// right is something that a run does.
type right struct {
	verbs              []string
	group, resource    string
	sub                string
	namespace, without string
}

// rights are all that a run does in a member.
func (r *reader) rights(ctx context.Context) ([]right, error) {
	ns := r.Member.VeleroNamespace
	group := velerov1.SchemeGroupVersion.Group
	list := []right{
		{verbs: []string{"create", "get", "list", "watch"}, group: group, resource: "backups", namespace: ns},
		{verbs: []string{"list"}, group: group, resource: "backupstoragelocations", namespace: ns},
		{verbs: []string{"list"}, group: group, resource: "schedules", namespace: ns},
		{verbs: []string{"create", "get"}, group: group, resource: "serverstatusrequests", namespace: ns},
		{verbs: []string{"create", "get"}, group: group, resource: "downloadrequests", namespace: ns, without: "what Velero says of errors and volumes cannot be read"},
	}
	if r.state != "" { // what a run remembers, and its lock
		list = append(list,
			right{verbs: []string{"create", "get", "list", "update"}, resource: "secrets", namespace: r.state},
			right{verbs: []string{"create", "patch"}, resource: "configmaps", namespace: r.state},
			right{verbs: []string{"create", "get", "update", "delete"}, group: coordinationv1.GroupName, resource: "leases", namespace: r.state})
	}
	for _, namespace := range r.everywhere() {
		list = append(list,
			right{verbs: []string{"list"}, resource: "persistentvolumeclaims", namespace: namespace},
			right{verbs: []string{"list"}, resource: "pods", namespace: namespace})
	}
	if r.Spec.ResourcePolicy != nil {
		list = append(list, right{verbs: []string{"get"}, resource: "configmaps", namespace: ns, without: "what the Backup's resourcePolicy says of volumes is not known"})
	}
	list = append(list, r.snapshotRights()...)
	list = append(list, r.canaryRights()...)
	for _, h := range r.Holds {
		a := r.action(h)
		if a != nil && a.Exec != nil {
			list = append(list, execRight(h.Namespace))
			continue
		}
		resource, err := r.target(ctx, h)
		if err != nil {
			return nil, err
		}
		list = append(list, right{verbs: []string{"patch"}, group: resource.Group, resource: resource.Resource, namespace: h.Namespace})
		if a != nil && a.Scale != nil {
			list = append(list, right{verbs: []string{"update"}, group: resource.Group, resource: resource.Resource, sub: "scale", namespace: h.Namespace})
		}
	}
	return list, nil
}

// execRight is to run commands in containers: by a WebSocket, which is a GET, and to SPDY
// and API servers since 1.35 a create.
func execRight(namespace string) right {
	return right{verbs: []string{"create", "get"}, resource: "pods", sub: "exec", namespace: namespace}
}

// canaryRights are those to write the set's word.
func (r *reader) canaryRights() []right {
	c := r.Policy.Spec.Canary
	if c == nil || !policy.For(c.Clusters, r.Member.Cluster) {
		return nil
	}
	in := execRight(c.Namespace)
	in.without = "the set's word cannot be written there"
	return []right{{verbs: []string{"list"}, resource: "pods", namespace: c.Namespace, without: in.without}, in}
}

// snapshotRights are those to see that volumes are cut.
func (r *reader) snapshotRights() []right {
	if r.Policy.Spec.Cut != v1alpha1.CutVolumes {
		return nil
	}
	const without = "that the volumes are cut cannot be seen: all is held still until the Backup is"
	list := []right{{verbs: []string{"get"}, group: velero.SnapshotGroup, resource: "volumesnapshotcontents", without: without}}
	for _, namespace := range r.everywhere() {
		list = append(list, right{verbs: []string{"list"}, group: velero.SnapshotGroup, resource: "volumesnapshots", namespace: namespace, without: without})
	}
	return list
}

// everywhere are the namespaces of the scope, or the empty one for all.
func (r *reader) everywhere() []string {
	if names := r.scope().literal(); names != nil {
		return names
	}
	return []string{""}
}

// readRights asks the cluster what the user may do, all at once.
func (r *reader) readRights(ctx context.Context) error {
	rights, err := r.rights(ctx)
	if err != nil {
		return err
	}
	type question struct {
		authorizationv1.ResourceAttributes

		without string
	}
	var questions []question
	for _, right := range rights {
		for _, verb := range right.verbs {
			q := question{authorizationv1.ResourceAttributes{
				Verb: verb, Group: right.group, Resource: right.resource, Subresource: right.sub, Namespace: right.namespace,
			}, right.without}
			if !slices.Contains(questions, q) {
				questions = append(questions, q)
			}
		}
	}
	answers := make([]error, len(questions))
	denied := make([]bool, len(questions))
	var asking sync.WaitGroup
	for i, q := range questions {
		asking.Go(func() {
			var may bool
			may, _, answers[i] = r.member.May(ctx, q.ResourceAttributes)
			denied[i] = !may
		})
	}
	asking.Wait()
	for i, q := range questions {
		if answers[i] != nil {
			return answers[i]
		}
		if denied[i] {
			what := q.Resource
			if q.Subresource != "" {
				what += "/" + q.Subresource
			}
			if q.Group != "" {
				what += "." + q.Group
			}
			r.Denied = append(r.Denied, Denial{Verb: q.Verb, Resource: what, Namespace: q.Namespace, Matters: q.without == "", Lost: q.without})
		}
	}
	return nil
}

// judgeRights says each resource once, with all that may not be done to it.
func (f *Facts) judgeRights(r *Report) {
	type thing struct {
		resource, namespace, lost string
		matters                   bool
	}
	var order []thing
	verbs := map[thing][]string{}
	for _, d := range f.Denied {
		t := thing{d.Resource, d.Namespace, d.Lost, d.Matters}
		if verbs[t] == nil {
			order = append(order, t)
		}
		verbs[t] = append(verbs[t], d.Verb)
	}
	for _, t := range order {
		may := strings.Join(verbs[t], ", ")
		where, role := "in namespace "+t.namespace, "a Role in "+t.namespace
		if t.namespace == "" {
			where, role = "in all namespaces", "a ClusterRole"
		}
		role += fmt.Sprintf(" with %s on %s, bound to you", may, t.resource)
		if !t.matters {
			r.warn(CheckRights, role, "you may not %s %s %s: %s", may, t.resource, where, t.lost)
			continue
		}
		r.refuse(CheckRights, role, "you may not %s %s %s", may, t.resource, where)
	}
}
