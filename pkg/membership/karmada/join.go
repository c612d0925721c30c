package karmada

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
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
	token, impersonation string // base64, as Secrets have them
	owner                []metav1.OwnerReference
	steps                []Step
}

// Join is a planned join.
type Join struct {
	*joining
	// Steps in the order in which they are done.
	Steps []Step
}

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
	for _, side := range sides {
		if err := permitted(ctx, side.where, side.member, side.objects(), "get", "create", "patch"); err != nil {
			return nil, err
		}
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
			j.steps = append(j.steps, step)
		}
	}
	return &Join{j, j.steps}, nil
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
			if _, err := m.Apply(ctx, r, o, member.WriteOptions{DryRun: true, Force: true}); err != nil {
				return step, refusedByServer(where, o, err)
			}
		}
		return step, nil
	case err != nil:
		return step, failed(where, o, err)
	}
	if live.GetDeletionTimestamp() != nil {
		return step, &membership.RefusedError{Err: fmt.Errorf("%s: %s is being deleted: try again when it is gone", where, what(live))}
	}
	if isShared(o) && !isOurs(live) || where == j.hub.Name && o.GetKind() == kindNamespace {
		step.Action, step.Why = ActionKeep, "it is there already"
		return step, nil
	}
	if err := j.mayTake(where, live); err != nil {
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

// mayTake refuses what belongs to another hub. An object without our label is of
// karmadactl, or of somebody else who took its names; it is of this hub only if
// this hub knows the cluster by that name.
func (j *joining) mayTake(where string, live *unstructured.Unstructured) error {
	if where == j.hub.Name || isShared(live) {
		return nil
	}
	owner := live.GetLabels()[hubLabel]
	if owner == j.hub.uid || owner == "" && j.hub.clusters[j.request.Name] != nil {
		return nil
	}
	return &membership.RefusedError{Err: fmt.Errorf(
		"%s: %s belongs to another control plane, which has this cluster under the same name: choose another --name", where, what(live))}
}

// isShared is true for what all hubs of a member have in common.
func isShared(o *unstructured.Unstructured) bool {
	return o.GetKind() == kindNamespace || o.GetNamespace() == namespace && o.GetName() == impersonator
}

func isOurs(live *unstructured.Unstructured) bool {
	return live.GetLabels()[managedByLabel] == managedBy
}

// Changes counts the objects that are written.
func (j *Join) Changes() int {
	n := 0
	for _, s := range j.Steps {
		if s.Changes() {
			n++
		}
	}
	return n
}

// tokenWait is how long the token controller of a member may take.
const tokenWait = 30 * time.Second

// Make does what was planned. Whatever ends it, doing it again completes it.
func (j *Join) Make(ctx context.Context) error {
	for i, o := range j.memberObjects() {
		if err := j.apply(ctx, j.request.Name, j.request.Member, j.Steps[i], o); err != nil {
			return err
		}
	}
	if err := j.awaitTokens(ctx); err != nil {
		return err
	}
	first := len(j.memberObjects())
	for i, o := range j.hubObjects() {
		step := j.Steps[first+i]
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

// readTokens reads the tokens that are there. What is not there yet comes later.
func (j *joining) readTokens(ctx context.Context) {
	j.token, _ = j.readToken(ctx, accountName(j.request.Name))
	if j.request.Impersonator {
		j.impersonation, _ = j.readToken(ctx, impersonator)
	}
}

func (j *joining) awaitTokens(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, tokenWait, fmt.Errorf("%s: the token controller did not make a token within %s", j.request.Name, tokenWait))
	defer cancel()
	var err error
	if j.token, err = j.awaitToken(ctx, accountName(j.request.Name)); err != nil {
		return err
	}
	if j.request.Impersonator {
		j.impersonation, err = j.awaitToken(ctx, impersonator)
	}
	return err
}

func (j *joining) awaitToken(ctx context.Context, account string) (string, error) {
	for {
		token, err := j.readToken(ctx, account)
		if !errors.Is(err, errNoToken) {
			return token, err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// errNoToken is a Secret that the token controller has not filled yet.
var errNoToken = errors.New("no token yet")

// readToken reads the token of an account, and the cluster's CA with it.
func (j *joining) readToken(ctx context.Context, account string) (string, error) {
	secret, err := j.request.Member.Object(ctx, resourceOf(kindSecret), namespace, account)
	if err != nil {
		return "", failed(j.request.Name, newTokenSecret(account, nil), err)
	}
	token, _, _ := unstructured.NestedString(secret.Object, "data", tokenKey)
	if token == "" {
		return "", errNoToken
	}
	if len(j.ca) == 0 {
		text, _, _ := unstructured.NestedString(secret.Object, "data", "ca.crt")
		if j.ca, err = base64.StdEncoding.DecodeString(text); err != nil {
			return "", failed(j.request.Name, secret, err)
		}
	}
	return token, nil
}
