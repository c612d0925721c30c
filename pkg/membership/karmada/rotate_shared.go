package karmada

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// sharedRotation replaces the token of the impersonator: account and Secret are
// deleted and made anew under their names, since every hub that joins later takes
// the token that is there under that name, and a Secret that comes back under its
// old name alone may have the old token (docs/joining.md). The account is bound by
// its name, so it has its rights again.
type sharedRotation struct {
	given        *unstructured.Unstructured // the Secret of the hub, as it is
	account, new *unstructured.Unstructured
	// What is there of them, nil if nothing is.
	oldAccount, old *unstructured.Unstructured
}

// planShared decides about the impersonator, if the hub has its token.
func (r *Rotation) planShared(ctx context.Context) error {
	name, m := r.request.Name, r.request.Member
	if ref, _, _ := unstructured.NestedString(r.cluster.Object, "spec", "impersonatorSecretRef", "name"); !r.request.Impersonator || ref != impersonationSecretName(name) {
		return nil
	}
	s := &sharedRotation{account: newObject(kindServiceAccount, namespace, impersonator, nil, nil), new: newTokenSecret(impersonator, impersonator, nil)}
	var err error
	if s.given, err = find(ctx, r.hub.Name, r.hub.member, kindSecret, namespace, impersonationSecretName(name)); err != nil || s.given == nil {
		return err
	}
	others, err := otherHubs(ctx, name, m)
	if err != nil {
		return err
	}
	if others != "" {
		r.step(name, ActionKeep, s.new, others+": its hub has this token, too")
		return nil
	}
	if s.oldAccount, err = find(ctx, name, m, kindServiceAccount, namespace, impersonator); err != nil {
		return err
	}
	if s.old, err = find(ctx, name, m, kindSecret, namespace, impersonator); err != nil {
		return err
	}
	if s.oldAccount != nil {
		remake(s.account, s.oldAccount)
		r.step(name, ActionDelete, s.oldAccount, "takes its Secret along")
	}
	if s.old != nil {
		remake(s.new, s.old)
		r.step(name, ActionDelete, s.old, "ends the old token")
	}
	r.step(name, ActionCreate, s.account, "")
	r.step(name, ActionCreate, s.new, "a new token")
	r.step(r.hub.Name, ActionUpdate, r.gift(s.given, ""), "gets it")
	r.shared = s
	return nil
}

// remake takes our mark off an object that is not ours and is made anew.
func remake(o, old *unstructured.Unstructured) {
	if !isOurs(old) {
		labels := o.GetLabels()
		delete(labels, managedByLabel)
		o.SetLabels(labels)
	}
}

// makeShared does that. Between the first and the last write users of the hub do
// not reach the member through it.
func (r *Rotation) makeShared(ctx context.Context) error {
	s, name, m := r.shared, r.request.Name, r.request.Member
	if s == nil {
		return nil
	}
	if s.oldAccount != nil {
		if err := remove(ctx, m, s.oldAccount); err != nil {
			return failed(name, s.oldAccount, err)
		}
	}
	if s.old != nil {
		// By the token controller: a new one that is made before could go with it.
		gone, err := goneWithin(ctx, name, m, s.old, tokenWait)
		if err == nil && !gone {
			err = &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("%s: the token controller did not delete %s within %s", name, what(s.old), tokenWait)}
		}
		if err != nil {
			return err
		}
	}
	for _, o := range []*unstructured.Unstructured{s.account, s.new} {
		if _, err := m.Apply(ctx, resourceOf(o.GetKind()), o, member.WriteOptions{Force: true}); err != nil {
			return failed(name, o, err)
		}
	}
	filled, err := awaitToken(ctx, name, m, impersonator)
	if err != nil {
		return err
	}
	if _, err := r.hub.member.Apply(ctx, resourceOf(kindSecret), r.gift(s.given, tokenOf(filled)), member.WriteOptions{Force: true}); err != nil {
		return failed(r.hub.Name, s.given, err)
	}
	if err := accepted(ctx, m, filled, impersonator); err != nil {
		return failed(name, s.new, err)
	}
	if s.old == nil || tokenOf(s.old) == "" {
		return nil
	}
	return awaitDeath(ctx, name, m, s.old, r.request.Timeout)
}
