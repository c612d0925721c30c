package karmada

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// UnjoinRequest is a cluster that is to leave a hub.
type UnjoinRequest struct {
	// Name is the cluster's on the hub. If the hub has none of that name, the one
	// with the UID of Member is meant, which has joined under another name.
	Name string
	// Member is the way to the cluster, nil where there is none.
	Member *member.Member
	// Force gives up what cannot be cleaned in a cluster that does not answer.
	Force bool
	// Timeout bounds the wait for the hub to take back what it propagated.
	Timeout time.Duration
}

// Unjoin is a planned leaving.
type Unjoin struct {
	// Steps in the order in which they are done: the hub first, since it cleans up
	// in the member with the rights that are taken away then.
	Steps []Step
	// Left are words for what stays in the member, since it does not answer.
	Left []string
	// Propagated counts the objects that go from the member beside the steps, since the
	// hub has propagated them.
	Propagated int

	hub     *Hub
	request UnjoinRequest
	uid     string
}

// PlanUnjoin finds what the hub and the cluster have of each other. What carries
// another hub's label, or no mark of a join to this hub, is left alone.
func PlanUnjoin(ctx context.Context, h *Hub, r UnjoinRequest) (*Unjoin, error) {
	u := &Unjoin{hub: h, request: r}
	unreached := errors.New("there is no way to it")
	if r.Member != nil {
		u.uid, unreached = uidOf(ctx, r.Member)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if member.ReasonOf(unreached) == member.ReasonForbidden && !r.Force { // it does answer
		return nil, unreached
	}
	cluster := h.clusters[r.Name]
	if cluster == nil && unreached == nil {
		if cluster = h.clusterOf(u.uid); cluster != nil {
			r.Name = cluster.GetName()
			u.request.Name = r.Name
		}
	}
	if mode, _, _ := unstructured.NestedString(bareObject(cluster), "spec", "syncMode"); mode == "Pull" {
		return nil, refusal("%s is in pull mode, by an agent that runs there: karmadactl unregister takes it away", r.Name)
	}
	if id, _, _ := unstructured.NestedString(bareObject(cluster), "spec", "id"); unreached == nil && id != "" && id != u.uid {
		return nil, refusal("%s of %s is another cluster (its kube-system has the UID %s) than the one behind its context (%s)", r.Name, h.Name, id, u.uid)
	}
	if err := u.planHub(ctx, cluster); err != nil {
		return nil, err
	}
	if unreached == nil {
		if err := u.planMember(ctx, cluster != nil); err != nil {
			return nil, err
		}
		if len(u.Steps) == 0 {
			return nil, &member.Error{Reason: member.ReasonNotFound, Err: fmt.Errorf("%s has no cluster %s, and nothing of it is left there", h.Name, r.Name)}
		}
		return u, u.permitted(ctx)
	}
	if cluster == nil {
		return nil, &member.Error{Reason: member.ReasonNotFound, Err: fmt.Errorf("%s has no cluster %s, and it does not answer: %w", h.Name, r.Name, unreached)}
	}
	if !r.Force {
		return nil, refusal("%s does not answer (%w): --force takes it from %s and leaves there what the join made", r.Name, unreached, h.Name)
	}
	u.Left = []string{
		"ClusterRole and ClusterRoleBinding " + roleName(r.Name), "ServiceAccount and Secret " + namespace + "/" + accountName(r.Name), "what was propagated to it",
	}
	return u, u.permitted(ctx)
}

func bareObject(o *unstructured.Unstructured) map[string]any {
	if o == nil {
		return nil
	}
	return o.Object
}

func (u *Unjoin) step(where string, action Action, o *unstructured.Unstructured, why string) {
	u.Steps = append(u.Steps, Step{Cluster: where, Action: action, Object: withoutData(o), Why: why})
}

// find reads an object, nil if there is none.
func find(ctx context.Context, where string, m *member.Member, kind, ns, name string) (*unstructured.Unstructured, error) {
	o, err := m.Object(ctx, resourceOf(kind), ns, name)
	if member.ReasonOf(err) == member.ReasonNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, failed(where, newObject(kind, ns, name, nil, nil), err)
	}
	return o, nil
}

func (u *Unjoin) planHub(ctx context.Context, cluster *unstructured.Unstructured) error {
	if cluster != nil {
		there := u.request.Member
		if u.uid == "" { // it does not answer
			there = nil
		}
		names, err := u.hub.propagated(ctx, u.request.Name, there)
		if err != nil {
			return err
		}
		for _, of := range names {
			u.Propagated += len(of)
		}
		u.step(u.hub.Name, ActionDelete, cluster, "and what it propagated: "+cmp.Or(inKinds(names), "nothing"))
	}
	for _, name := range []string{u.request.Name, impersonationSecretName(u.request.Name)} {
		secret, err := find(ctx, u.hub.Name, u.hub.member, kindSecret, namespace, name)
		if err != nil {
			return err
		}
		// karmadactl's Secrets have its system label, and so have ours.
		if secret != nil && secret.GetLabels()[systemLabel] == "true" {
			u.step(u.hub.Name, ActionDelete, secret, "")
		}
	}
	return nil
}

// planMember finds what is there for this hub. known: the hub knows the cluster
// by that name, so that karmadactl's objects under its names are this hub's, too.
func (u *Unjoin) planMember(ctx context.Context, known bool) error {
	name, m := u.request.Name, u.request.Member
	mine := func(o *unstructured.Unstructured) bool {
		owner := o.GetLabels()[hubLabel]
		return owner == u.hub.uid || owner == "" && known && (o.GetLabels()[systemLabel] == "true" || o.GetKind() == kindSecret)
	}
	made := [][3]string{{kindClusterRoleBinding, "", roleName(name)}, {kindClusterRole, "", roleName(name)}}
	for _, kind := range []string{kindRoleBinding, kindRole} {
		list := member.ListRequest{Resource: resourceOf(kind), LabelSelector: hubLabel + "=" + u.hub.uid, Limit: 500}
		for page, err := range m.Objects(ctx, list) {
			if err != nil {
				return failed(name, newObject(kind, "", roleName(name), nil, nil), err)
			}
			for i := range page {
				if page[i].GetName() == roleName(name) {
					made = append(made, [3]string{kind, page[i].GetNamespace(), page[i].GetName()})
				}
			}
		}
	}
	tokens, err := tokenSecrets(ctx, name, m, accountName(name))
	if err != nil {
		return err
	}
	for i := range tokens {
		made = append(made, [3]string{kindSecret, namespace, tokens[i].GetName()})
	}
	made = append(made, [3]string{kindServiceAccount, namespace, accountName(name)})
	for _, one := range made {
		o, err := find(ctx, name, m, one[0], one[1], one[2])
		if err != nil {
			return err
		}
		if o == nil {
			continue
		}
		if !mine(o) {
			u.step(name, ActionKeep, o, "it is of another control plane")
			continue
		}
		u.step(name, ActionDelete, o, "")
	}
	return u.planShared(ctx)
}

// planShared decides about what all hubs of a member have in common: the last one
// that leaves takes it away, if we made it.
func (u *Unjoin) planShared(ctx context.Context) error {
	name, m := u.request.Name, u.request.Member
	others, err := otherHubs(ctx, name, m)
	if err != nil {
		return err
	}
	for _, one := range [][3]string{
		{kindSecret, namespace, impersonator}, {kindServiceAccount, namespace, impersonator}, {kindNamespace, "", namespace},
	} {
		o, err := find(ctx, name, m, one[0], one[1], one[2])
		if err != nil {
			return err
		}
		switch {
		case o == nil:
		case others != "":
			u.step(name, ActionKeep, o, others)
		case !isOurs(o):
			u.step(name, ActionKeep, o, "we did not make it")
		default:
			u.step(name, ActionDelete, o, "")
		}
	}
	return nil
}

// otherHubs says by which account another hub than that of a cluster's own
// account is in a member; empty if there is none.
func otherHubs(ctx context.Context, name string, m *member.Member) (says string, err error) {
	for page, err := range m.Objects(ctx, member.ListRequest{Resource: resourceOf(kindServiceAccount), Namespace: namespace, Limit: 500}) {
		if err != nil {
			return "", failed(name, newObject(kindNamespace, "", namespace, nil, nil), err)
		}
		for i := range page {
			if account := page[i].GetName(); account != "default" && account != impersonator && account != accountName(name) {
				says = "ServiceAccount " + account + " is there, too"
			}
		}
	}
	return says, nil
}

func (u *Unjoin) permitted(ctx context.Context) error {
	objects := map[string][]*unstructured.Unstructured{}
	for _, s := range u.Steps {
		if s.Changes() {
			objects[s.Cluster] = append(objects[s.Cluster], s.Object)
		}
	}
	onHub := rights(objects[u.hub.Name], "get", "delete") // the first to see when it is gone
	if u.request.Force && u.hub.clusters[u.request.Name] != nil {
		onHub = append(onHub, u.rightsToRelease()...)
	}
	return permitted(ctx,
		need{u.hub.Name, u.hub.member, onHub},
		need{u.request.Name, u.request.Member, rights(objects[u.request.Name], "delete")})
}

// Name is the cluster's on the hub, whatever it was asked for by.
func (u *Unjoin) Name() string { return u.request.Name }

// Changes counts the objects that are deleted.
func (u *Unjoin) Changes() int { return changes(u.Steps) }

// ErrLeaving is a hub that has not let a cluster go yet.
var ErrLeaving = errors.New("still leaving")

// Make does what was planned. Whatever ends it, doing it again completes it.
func (u *Unjoin) Make(ctx context.Context) error {
	for _, s := range u.Steps {
		if !s.Changes() {
			continue
		}
		m := u.request.Member
		if s.Cluster == u.hub.Name {
			m = u.hub.member
		}
		if err := remove(ctx, m, s.Object); err != nil {
			return failed(s.Cluster, s.Object, err)
		}
		switch s.Object.GetKind() {
		case kindCluster:
			if err := u.awaitGone(ctx, s.Object); err != nil {
				return err
			}
		case kindNamespace:
			// Until it is gone nobody can join again.
			gone, err := goneWithin(ctx, s.Cluster, m, s.Object, u.request.Timeout)
			if err == nil && !gone {
				err = &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("%s: %s is not gone within %s; it goes on: %w", s.Cluster, what(s.Object), u.request.Timeout, ErrLeaving)}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes an object, if it is still there.
func remove(ctx context.Context, m *member.Member, o *unstructured.Unstructured) error {
	err := m.Delete(ctx, resourceOf(o.GetKind()), o.GetNamespace(), o.GetName(), o.GetUID(), member.WriteOptions{})
	if member.ReasonOf(err) == member.ReasonNotFound {
		return nil
	}
	return err
}

// awaitGone waits until the hub has taken back what it propagated and let the
// Cluster go. With Force, what keeps it is taken away when the time is over, as
// karmadactl unjoin --force does: the finalizers of its Works, of their
// namespace, and of the Cluster.
func (u *Unjoin) awaitGone(ctx context.Context, cluster *unstructured.Unstructured) error {
	gone, err := goneWithin(ctx, u.hub.Name, u.hub.member, cluster, u.request.Timeout)
	if gone || err != nil {
		return err
	}
	if !u.request.Force {
		return &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf(
			"%s does not let %s go within %s: it takes back what it propagated, and goes on with that; --force gives that up: %w", u.hub.Name, u.request.Name, u.request.Timeout, ErrLeaving)}
	}
	if err := u.release(ctx); err != nil {
		return err
	}
	gone, err = goneWithin(ctx, u.hub.Name, u.hub.member, cluster, u.request.Timeout)
	if err == nil && !gone {
		err = &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("%s does not let %s go, although nothing keeps it: %w", u.hub.Name, u.request.Name, ErrLeaving)}
	}
	return err
}

// goneWithin waits until an object that was deleted is gone, or timeout is over.
func goneWithin(ctx context.Context, where string, m *member.Member, o *unstructured.Unstructured, timeout time.Duration) (bool, error) {
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		now, err := find(ctx, where, m, o.GetKind(), o.GetNamespace(), o.GetName())
		if err != nil {
			return false, err
		}
		if now == nil || now.GetUID() != o.GetUID() {
			return true, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, nil
}

// rightsToRelease are what release needs. It comes when the Cluster is half gone.
func (u *Unjoin) rightsToRelease() []authorizationv1.ResourceAttributes {
	name, space := u.request.Name, executionSpace(u.request.Name)
	works := rights([]*unstructured.Unstructured{newObject(kindWork, space, "", nil, nil)}, "list", "patch")
	return append(works, rights([]*unstructured.Unstructured{newObject(kindNamespace, "", space, nil, nil), newObject(kindCluster, "", name, nil, nil)}, "get", "patch")...)
}

// release takes the finalizers away that keep a Cluster.
func (u *Unjoin) release(ctx context.Context) error {
	name, m := u.request.Name, u.hub.member
	space := executionSpace(name)
	var held []unstructured.Unstructured
	for page, err := range m.Objects(ctx, member.ListRequest{Resource: resourceOf(kindWork), Namespace: space, Limit: 500}) {
		if err != nil {
			return failed(u.hub.Name, newObject(kindWork, space, "*", nil, nil), err)
		}
		held = append(held, page...)
	}
	for _, one := range [][3]string{{kindNamespace, "", space}, {kindCluster, "", name}} {
		o, err := find(ctx, u.hub.Name, m, one[0], one[1], one[2])
		if err != nil {
			return err
		}
		if o != nil {
			held = append(held, *o)
		}
	}
	for i := range held {
		o := &held[i]
		kept := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return strings.HasPrefix(f, "karmada.io/") })
		if len(kept) == len(o.GetFinalizers()) {
			continue
		}
		finalizers := make([]any, len(kept))
		for i, f := range kept {
			finalizers[i] = f
		}
		patch := map[string]any{"metadata": map[string]any{"finalizers": finalizers}}
		err := m.MergePatch(ctx, resourceOf(o.GetKind()), o.GetNamespace(), o.GetName(), o.GetUID(), patch)
		if err != nil && member.ReasonOf(err) != member.ReasonNotFound {
			return failed(u.hub.Name, o, err)
		}
	}
	return nil
}
