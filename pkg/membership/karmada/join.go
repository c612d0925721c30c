package karmada

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// JoinRequest is a cluster that is to join a hub.
type JoinRequest struct {
	// Name is the cluster's on the hub.
	Name   string
	Member *member.Member
	// Endpoint is how the user reaches it, and so will the hub. Without a CA it is
	// the cluster's own.
	Endpoint member.Endpoint

	// Role is what the hub may do there: in Namespaces, if there are any.
	Role       Role
	Namespaces []string
	// Impersonator also gives the hub an account that may speak for others, with
	// which users of the hub reach the member through it.
	Impersonator bool
	// Wait: AwaitReady follows, which looks through the hub as its users do.
	Wait bool

	Labels           map[string]string
	Provider, Region string
	Zones            []string
}

// joining is a join from the plan to its end.
type joining struct {
	hub     *Hub
	request JoinRequest
	uid     string

	ca                   []byte
	secret               string // the name of the Secret in the member that has token
	token, impersonation string // base64, as Secrets have them
	owner                []metav1.OwnerReference
	steps                []Step
}

// Join is a planned join.
type Join struct{ *joining }

// PlanJoin checks everything that can be checked before the first write, by
// reading, asking for permission and, unless client is set, by dry runs of the
// servers. A safety check that says no is a *membership.RefusedError.
func PlanJoin(ctx context.Context, h *Hub, r JoinRequest, client bool) (*Join, error) {
	j := &joining{hub: h, request: r, ca: r.Endpoint.CA}
	var err error
	if j.uid, err = uidOf(ctx, r.Member); err != nil {
		return nil, err
	}
	if err := h.admits(r.Name, j.uid); err != nil {
		return nil, err
	}
	if cluster := h.clusters[r.Name]; cluster != nil {
		j.owner = ownedBy(cluster)
	}
	sides := []struct {
		where   string
		member  *member.Member
		objects func() []*unstructured.Unstructured
	}{
		{r.Name, r.Member, j.memberObjects}, {h.Name, h.member, j.hubObjects},
	}
	needs := make([]need, len(sides))
	for i, side := range sides {
		needed := rights(side.objects(), "get", "create", "patch")
		if side.member == r.Member {
			needed = append(needed, rights([]*unstructured.Unstructured{newTokenSecret("", "", nil)}, "list")...)
		} else if r.Wait && r.Impersonator {
			needed = append(needed, rightTo("get", newObject(kindCluster, "", r.Name, nil, nil), "proxy"))
		}
		needs[i] = need{side.where, side.member, needed}
	}
	if err := permitted(ctx, needs...); err != nil {
		return nil, err
	}
	if j.secret, err = j.findSecret(ctx); err != nil {
		return nil, err
	}
	for i, side := range sides {
		if i == 1 {
			j.readTokens(ctx)
		}
		for _, o := range side.objects() {
			step, err := j.plan(ctx, side.where, side.member, o, client)
			if err != nil {
				return nil, err
			}
			if o.GetKind() == kindCluster && step.Action == ActionCreate {
				step.Why = h.placedAt(ctx, r.Name, r.Labels)
			}
			j.steps = append(j.steps, step)
		}
	}
	return &Join{j}, nil
}

// plan decides about one object.
func (j *joining) plan(ctx context.Context, where string, m *member.Member, o *unstructured.Unstructured, client bool) (Step, error) {
	step := Step{Cluster: where, Object: withoutData(o)}
	r := resourceOf(o.GetKind())
	live, err := m.Object(ctx, r, o.GetNamespace(), o.GetName())
	switch {
	case member.ReasonOf(err) == member.ReasonNotFound:
		step.Action = ActionCreate
		if !client && (o.GetNamespace() == "" || j.stands(where, o.GetNamespace())) {
			// Rights to give rights show only now.
			_, err := m.Apply(ctx, r, o, member.WriteOptions{DryRun: true, Force: true})
			if isBinding(o) && err != nil && member.ReasonOf(err) == member.ReasonNotFound {
				return step, mayBind(ctx, where, m, o)
			}
			if err != nil {
				return step, refusedByServer(where, o, err)
			}
		}
		return step, nil
	case err != nil:
		return step, failed(where, o, err)
	}
	if live.GetDeletionTimestamp() != nil {
		return step, refusal("%s: %s is being deleted: try again when it is gone", where, what(live))
	}
	if isShared(o) && !isOurs(live) || where == j.hub.Name && o.GetKind() == kindNamespace {
		step.Action, step.Why = ActionKeep, "it is there already"
		return step, nil
	}
	if err := j.hub.mayTake(j.request.Name, where, live); err != nil {
		return step, err
	}
	if client {
		step.Action = ActionApply
		return step, nil
	}
	after, err := m.Apply(ctx, r, o, member.WriteOptions{DryRun: true, Force: true})
	if err != nil {
		return step, refusedByServer(where, o, err)
	}
	step.Action = ActionUpdate
	if same(live, after) {
		step.Action = ActionUnchanged
	}
	return step, nil
}

// stands is true if a namespace exists now: nothing can be tried in one that is
// only planned.
func (j *joining) stands(where, ns string) bool {
	for _, s := range j.steps {
		if s.Cluster == where && s.Object.GetKind() == kindNamespace && s.Object.GetName() == ns {
			return s.Action != ActionCreate
		}
	}
	return true
}

// isShared is true for what all hubs of a member have in common.
func isShared(o *unstructured.Unstructured) bool {
	return o.GetKind() == kindNamespace || o.GetNamespace() == namespace && o.GetName() == impersonator
}

func isOurs(live *unstructured.Unstructured) bool {
	return live.GetLabels()[managedByLabel] == managedBy
}

// Steps in the order in which they are done.
func (j *Join) Steps() []Step { return j.steps }

// Changes counts the objects that are written.
func (j *Join) Changes() int { return changes(j.steps) }

// Make does what was planned. Whatever ends it, doing it again completes it.
func (j *Join) Make(ctx context.Context) error {
	for i, o := range j.memberObjects() {
		if err := j.apply(ctx, j.request.Name, j.request.Member, j.steps[i], o); err != nil {
			return err
		}
	}
	if err := j.awaitTokens(ctx); err != nil {
		return err
	}
	first := len(j.memberObjects())
	for i, o := range j.hubObjects() {
		step := j.steps[first+i]
		if o.GetKind() == kindSecret {
			step.Action = ActionApply // the token is known only now
		}
		if err := j.apply(ctx, j.hub.Name, j.hub.member, step, o); err != nil {
			return err
		}
	}
	// The Secrets go with the Cluster; it had to be there first.
	for _, o := range j.hubObjects() {
		if o.GetKind() == kindSecret {
			if _, err := j.hub.member.Apply(ctx, resourceOf(kindSecret), o, member.WriteOptions{Force: true}); err != nil {
				return failed(j.hub.Name, o, err)
			}
		}
	}
	return nil
}

func (j *joining) apply(ctx context.Context, where string, m *member.Member, step Step, o *unstructured.Unstructured) error {
	if !step.Changes() {
		return nil
	}
	after, err := m.Apply(ctx, resourceOf(o.GetKind()), o, member.WriteOptions{Force: true})
	if err != nil {
		return failed(where, o, err)
	}
	if o.GetKind() == kindCluster {
		j.owner = ownedBy(after)
	}
	return nil
}

func ownedBy(cluster *unstructured.Unstructured) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(cluster, cluster.GroupVersionKind())}
}
