package karmada

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

// Hub is a Karmada control plane, and what it knew of clusters when it was
// opened.
type Hub struct {
	// Name is that of the context.
	Name   string
	member *member.Member
	uid    string
	// clusters by name.
	clusters map[string]*unstructured.Unstructured
}

// OpenHub asks a control plane who it is and which clusters it has: two
// requests. One that is no Karmada is an error that says so.
func OpenHub(ctx context.Context, name string, m *member.Member) (*Hub, error) {
	h := &Hub{Name: name, member: m, clusters: map[string]*unstructured.Unstructured{}}
	var err error
	if h.uid, err = uidOf(ctx, m); err != nil {
		return nil, err
	}
	for page, err := range m.Objects(ctx, member.ListRequest{Resource: resourceOf(kindCluster), Limit: 500}) {
		if member.ReasonOf(err) == member.ReasonNotFound {
			return nil, &member.Error{Reason: member.ReasonNotInstalled, Err: fmt.Errorf("context %s is no Karmada control plane: it has no clusters.cluster.karmada.io", name)}
		}
		if err != nil {
			return nil, err
		}
		for i := range page {
			h.clusters[page[i].GetName()] = &page[i]
		}
	}
	return h, nil
}

// uidOf is a cluster's identity.
func uidOf(ctx context.Context, m *member.Member) (string, error) {
	identity, err := m.Identity(ctx)
	if err == nil && identity.UID == "" {
		err = &member.Error{Reason: member.ReasonInvalidAnswer, Err: errors.New("its namespace kube-system has no UID")}
	}
	return identity.UID, err
}

// admits says whether a cluster may join under a name.
func (h *Hub) admits(name, uid string) error {
	refused := func(format string, args ...any) error {
		return &membership.RefusedError{Err: fmt.Errorf(format, args...)}
	}
	if uid == h.uid {
		return refused("%s is the control plane %s itself", name, h.Name)
	}
	for other, cluster := range h.clusters {
		id, _, _ := unstructured.NestedString(cluster.Object, "spec", "id")
		mode, _, _ := unstructured.NestedString(cluster.Object, "spec", "syncMode")
		switch {
		case other == name && id != "" && id != uid:
			return refused("%s has another cluster of the name %s (its kube-system has the UID %s, here it is %s): choose another --name", h.Name, name, id, uid)
		case other == name && mode == "Pull":
			return refused("%s has %s in pull mode, by an agent that runs there: karmadactl unregister it first", h.Name, name)
		case other == name && cluster.GetDeletionTimestamp() != nil:
			return refused("%s is still leaving %s: wait, or finish it with unjoin --force", name, h.Name)
		case other != name && id == uid:
			return refused("%s has the cluster already, as %s: unjoin it first, or join it with --name %s", h.Name, other, other)
		}
	}
	return nil
}

// clusterOf is the hub's cluster of a UID, nil if it has none.
func (h *Hub) clusterOf(uid string) *unstructured.Unstructured {
	for _, cluster := range h.clusters {
		if id, _, _ := unstructured.NestedString(cluster.Object, "spec", "id"); id == uid {
			return cluster
		}
	}
	return nil
}

// ErrNotReady is a cluster that the hub does not say is ready.
var ErrNotReady = errors.New("not ready")

// AwaitReady returns when the hub says that a cluster is ready, by its condition
// Ready. After timeout it is an ErrNotReady with what the hub says instead.
func (h *Hub) AwaitReady(ctx context.Context, name string, timeout time.Duration) error {
	deadline, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := "nothing of it yet"
	for {
		cluster, err := h.member.Object(deadline, resourceOf(kindCluster), "", name)
		if err == nil {
			var ready bool
			if ready, last = isReady(cluster); ready {
				return nil
			}
		} else if deadline.Err() == nil {
			return failed(h.Name, newObject(kindCluster, "", name, nil, nil), err)
		}
		select {
		case <-deadline.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("%s joined, and %s does not say within %s that it is ready, but %s: %w", name, h.Name, timeout, last, ErrNotReady)}
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func isReady(cluster *unstructured.Unstructured) (ready bool, says string) {
	conditions, _, _ := unstructured.NestedSlice(cluster.Object, "status", "conditions")
	for _, one := range conditions {
		if condition, _ := one.(map[string]any); condition["type"] == "Ready" {
			return condition["status"] == "True", fmt.Sprintf("%v: %v", condition["reason"], condition["message"])
		}
	}
	return false, "nothing of it yet"
}
