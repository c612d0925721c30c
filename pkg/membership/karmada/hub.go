package karmada

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
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
	if uid == h.uid {
		return refusal("%s is the control plane %s itself", name, h.Name)
	}
	for other, cluster := range h.clusters {
		id, _, _ := unstructured.NestedString(cluster.Object, "spec", "id")
		mode, _, _ := unstructured.NestedString(cluster.Object, "spec", "syncMode")
		switch {
		case other == name && id != "" && id != uid:
			return refusal("%s has another cluster of the name %s (its kube-system has the UID %s, here it is %s): choose another --name", h.Name, name, id, uid)
		case other == name && mode == "Pull":
			return refusal("%s has %s in pull mode, by an agent that runs there: karmadactl unregister it first", h.Name, name)
		case other == name && cluster.GetDeletionTimestamp() != nil:
			return refusal("%s is still leaving %s: wait, or finish it with unjoin --force", name, h.Name)
		case other != name && id == uid:
			return refusal("%s has the cluster already, as %s: unjoin it first, or join it with --name %s", h.Name, other, other)
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

// Address is where the hub reaches a cluster, and which one joined: the UID of its
// kube-system. Both are empty if the hub has none of that name.
func (h *Hub) Address(name string) (server, uid string) {
	cluster := bareObject(h.clusters[name])
	server, _, _ = unstructured.NestedString(cluster, "spec", "apiEndpoint")
	uid, _, _ = unstructured.NestedString(cluster, "spec", "id")
	return server, uid
}

// mayTake refuses what is in a member for another hub. An object without our
// label is of karmadactl, or of somebody else who took its names; it is of this
// hub only if this hub knows the cluster by that name.
func (h *Hub) mayTake(name, where string, live *unstructured.Unstructured) error {
	if where == h.Name || isShared(live) {
		return nil
	}
	owner := live.GetLabels()[hubLabel]
	if owner == h.uid || owner == "" && h.clusters[name] != nil {
		return nil
	}
	return refusal("%s: %s belongs to another control plane, which has this cluster under the same name: choose another --name", where, what(live))
}
