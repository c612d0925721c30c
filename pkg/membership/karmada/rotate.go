package karmada

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// RotateRequest is a cluster of a hub whose tokens are to be replaced.
type RotateRequest struct {
	// Name is the cluster's on the hub.
	Name   string
	Member *member.Member
	// Impersonator replaces the token of the account that all hubs share, too, if
	// this is the only hub.
	Impersonator bool
	// KeepOld leaves the old tokens as they are. The next rotation ends them,
	// instead of making a new one.
	KeepOld bool
	// Timeout bounds each proof: that the hub works with the new token, and that
	// the old one is dead.
	Timeout time.Duration
}

// Rotation is a planned replacement of tokens.
type Rotation struct {
	steps   []Step
	hub     *Hub
	request RotateRequest
	cluster *unstructured.Unstructured // on the hub
	fresh   *unstructured.Unstructured // the Secret with the new token
	begun   bool                       // fresh is there already
	given   *unstructured.Unstructured // the Secret of the hub, as it is
	old     []unstructured.Unstructured
	shared  *sharedRotation // nil: the impersonator keeps its token
}

// PlanRotate finds what is to be replaced, and checks everything that can be
// checked before the first write. A safety check that says no is a
// *membership.RefusedError.
func PlanRotate(ctx context.Context, h *Hub, request RotateRequest, client bool) (*Rotation, error) {
	r := &Rotation{hub: h, request: request, cluster: h.clusters[request.Name]}
	uid, err := uidOf(ctx, request.Member)
	if err != nil {
		return nil, err
	}
	if err := h.admits(request.Name, uid); err != nil {
		return nil, err
	}
	if r.cluster == nil {
		return nil, refusal("%s has not joined %s: join it first, without --rotate", request.Name, h.Name)
	}
	if err := r.permitted(ctx); err != nil {
		return nil, err
	}
	if err := r.find(ctx); err != nil {
		return nil, err
	}
	r.planOwn()
	if !request.KeepOld {
		if err := r.planShared(ctx); err != nil {
			return nil, err
		}
	}
	if client {
		return r, nil
	}
	return r, r.try(ctx)
}

// planOwn decides about the tokens of the hub's own account.
func (r *Rotation) planOwn() {
	if r.begun {
		r.step(r.request.Name, ActionKeep, r.fresh, "the new token, of a rotation that was not finished")
	} else {
		r.step(r.request.Name, ActionCreate, r.fresh, "a new token")
	}
	if r.begun && tokenOf(r.fresh) == tokenOf(r.given) {
		r.step(r.hub.Name, ActionUnchanged, r.gift(r.given, ""), "has it")
	} else {
		r.step(r.hub.Name, ActionUpdate, r.gift(r.given, ""), "gets it")
	}
	for i := range r.old {
		if r.request.KeepOld {
			r.step(r.request.Name, ActionKeep, &r.old[i], "the old token stays good")
		} else {
			r.step(r.request.Name, ActionDelete, &r.old[i], "ends the old token, when the hub works with the new one")
		}
	}
}

func (r *Rotation) step(where string, action Action, o *unstructured.Unstructured, why string) {
	r.steps = append(r.steps, Step{Cluster: where, Action: action, Object: withoutData(o), Why: why})
}

func (r *Rotation) permitted(ctx context.Context) error {
	secret, account := newTokenSecret("", "", nil), newObject(kindServiceAccount, namespace, "", nil, nil)
	inMember := rights([]*unstructured.Unstructured{secret, account}, "get", "list", "create", "patch", "delete")
	onHub := append(rights([]*unstructured.Unstructured{secret}, "get", "create", "patch"), rightTo("patch", r.cluster, "status"))
	onHub = append(onHub, rights([]*unstructured.Unstructured{r.cluster}, "get")...)
	return permitted(ctx, need{r.request.Name, r.request.Member, inMember}, need{r.hub.Name, r.hub.member, onHub})
}

// find reads what a join made, and makes sure that it is this hub's.
func (r *Rotation) find(ctx context.Context) error {
	name, m := r.request.Name, r.request.Member
	ns, _, _ := unstructured.NestedString(r.cluster.Object, "spec", "secretRef", "namespace")
	secret, _, _ := unstructured.NestedString(r.cluster.Object, "spec", "secretRef", "name")
	if ns != namespace || secret != name {
		return refusal("%s has the token of %s from Secret %s/%s, and not from where a join puts it: replace it by hand", r.hub.Name, name, ns, secret)
	}
	account, err := find(ctx, name, m, kindServiceAccount, namespace, accountName(name))
	if err != nil {
		return err
	}
	if account == nil {
		return refusal("%s has no account for %s: join it again, without --rotate", name, r.hub.Name)
	}
	if err := r.hub.mayTake(name, name, account); err != nil {
		return err
	}
	if r.given, err = find(ctx, r.hub.Name, r.hub.member, kindSecret, namespace, name); err != nil {
		return err
	}
	if r.given == nil {
		return refusal("%s has no Secret for %s: join it again, without --rotate", r.hub.Name, name)
	}
	if r.old, err = tokenSecrets(ctx, name, m, accountName(name)); err != nil {
		return err
	}
	// By age; that which a join makes is the first, whatever the clock says.
	slices.SortStableFunc(r.old, func(a, b unstructured.Unstructured) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time), cmp.Compare(len(a.GetName()), len(b.GetName())))
	})
	if last := len(r.old) - 1; last > 0 {
		r.fresh, r.begun, r.old = &r.old[last], true, r.old[:last]
		return nil
	}
	// Never a name that was there before: where tokens are signed with RSA, a Secret
	// that comes back under its name has its old token again.
	r.fresh = newTokenSecret(accountName(name)+"-"+rand.String(5), accountName(name), map[string]any{hubLabel: r.hub.uid})
	return nil
}

// try lets the servers refuse, before anything is written.
func (r *Rotation) try(ctx context.Context) error {
	dry := member.WriteOptions{DryRun: true, Force: true}
	if !r.begun {
		if _, err := r.request.Member.Apply(ctx, resourceOf(kindSecret), r.fresh, dry); err != nil {
			return refusedByServer(r.request.Name, r.fresh, err)
		}
	}
	_, err := r.hub.member.Apply(ctx, resourceOf(kindSecret), r.gift(r.given, tokenOf(r.given)), dry)
	if err != nil {
		return refusedByServer(r.hub.Name, r.given, err)
	}
	return nil
}

// gift is a Secret of the hub as it is, but for the token.
func (r *Rotation) gift(given *unstructured.Unstructured, token string) *unstructured.Unstructured {
	data, _, _ := unstructured.NestedMap(given.Object, "data")
	if data == nil {
		data = map[string]any{}
	}
	data[tokenKey] = token
	return newHubSecret(given.GetName(), ownedBy(r.cluster), data)
}

// Steps in the order in which they are done.
func (r *Rotation) Steps() []Step { return r.steps }

// Changes counts the objects that are written or deleted.
func (r *Rotation) Changes() int { return changes(r.steps) }

// Make does what was planned. The old token dies only after the hub has been seen
// to work without it, so that whatever ends it before that, nothing is lost; and
// doing it again finishes what was begun.
func (r *Rotation) Make(ctx context.Context) error {
	name, m := r.request.Name, r.request.Member
	if !r.begun {
		if _, err := m.Apply(ctx, resourceOf(kindSecret), r.fresh, member.WriteOptions{Force: true}); err != nil {
			return failed(name, r.fresh, err)
		}
	}
	filled, err := awaitToken(ctx, name, m, r.fresh.GetName())
	if err != nil {
		return err
	}
	if err := accepted(ctx, m, filled, accountName(name)); err != nil {
		return failed(name, r.fresh, err)
	}
	if _, err := r.hub.member.Apply(ctx, resourceOf(kindSecret), r.gift(r.given, tokenOf(filled)), member.WriteOptions{Force: true}); err != nil {
		return failed(r.hub.Name, r.given, err)
	}
	if err := r.report(ctx, "the old token is still good"); err != nil || r.request.KeepOld {
		return err
	}
	for i := range r.old {
		if err := remove(ctx, m, &r.old[i]); err != nil {
			return failed(name, &r.old[i], err)
		}
	}
	for i := range r.old {
		if err := awaitDeath(ctx, name, m, &r.old[i], r.request.Timeout); err != nil {
			return err
		}
	}
	// Karmada asks one cluster once at a time: this report was begun after the
	// first one was written, so with the new token.
	if err := r.report(ctx, "the old token is dead"); err != nil {
		return err
	}
	return r.makeShared(ctx)
}

// report demands a status that is newer than what was done so far.
func (r *Rotation) report(ctx context.Context, so string) error {
	is, says, err := r.hub.reportsAnew(ctx, r.cluster, r.request.Timeout)
	if err != nil || is {
		return err
	}
	return unproven("%s has the new token of %s and has not reported with it within %s (%s); %s", r.hub.Name, r.request.Name, r.request.Timeout, says, so)
}
