package karmada

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// ErrNotReady is a cluster that the hub does not say is ready.
var ErrNotReady = errors.New("not ready")

// AwaitReady returns when the hub says that a cluster is ready, by its condition
// Ready, and lets its users through to it, if they are to be. After timeout it is
// an ErrNotReady with what the hub says instead.
func (h *Hub) AwaitReady(ctx context.Context, name string, timeout time.Duration) error {
	reached, last, err := h.await(ctx, name, timeout, func(cluster *unstructured.Unstructured) (bool, string) {
		ready, says := isReady(cluster)
		if _, impersonated, _ := unstructured.NestedMap(cluster.Object, "spec", "impersonatorSecretRef"); !ready || !impersonated {
			return ready, says
		}
		return h.letsThrough(ctx, name)
	})
	if err == nil && !reached {
		err = &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("%s joined, and %s does not say within %s that it is ready, but %s: %w", name, h.Name, timeout, last, ErrNotReady)}
	}
	return err
}

// letsThrough tries what everybody may read of a cluster through the hub. Who may
// not use its proxy at all is not waited for.
func (h *Hub) letsThrough(ctx context.Context, name string) (does bool, says string) {
	_, err := h.member.Raw(ctx, "/apis/cluster.karmada.io/v1alpha1/clusters/"+name+"/proxy/version")
	if err == nil || member.ReasonOf(err) == member.ReasonForbidden && !strings.Contains(err.Error(), "impersonate") {
		return true, ""
	}
	return false, fmt.Sprintf("of a read through it %s", err)
}

// reported is true if the hub has asked the cluster since its version was
// forgotten, and found it ready.
func reported(cluster *unstructured.Unstructured) (is bool, says string) {
	ready, says := isReady(cluster)
	version, _, _ := unstructured.NestedString(cluster.Object, "status", "kubernetesVersion")
	return ready && version != "", says
}

// reportsAnew makes the hub ask a cluster anew how it is, and returns whether it
// did so within timeout, and what it says. An old status cannot pass for a new
// one: it is spoilt first. The version of Kubernetes, which Karmada shows and does
// not use, is taken out of it, and only what puts it back counts: Karmada's
// cluster status controller, which makes a client from the Secret each time, and
// writes the version only if the cluster said with it that it is ready, and which
// version it has.
func (h *Hub) reportsAnew(ctx context.Context, cluster *unstructured.Unstructured, timeout time.Duration) (is bool, says string, err error) {
	forget := map[string]any{"kubernetesVersion": nil}
	if err := h.member.MergePatchStatus(ctx, resourceOf(kindCluster), "", cluster.GetName(), cluster.GetUID(), forget); err != nil {
		return false, "", failed(h.Name, cluster, err)
	}
	return h.await(ctx, cluster.GetName(), timeout, reported)
}

// await polls a cluster on the hub until it is as wanted, or timeout is over. last
// is what it says.
func (h *Hub) await(ctx context.Context, name string, timeout time.Duration, wanted func(*unstructured.Unstructured) (bool, string)) (reached bool, last string, err error) {
	deadline, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last = "nothing of it yet"
	for {
		cluster, err := h.member.Object(deadline, resourceOf(kindCluster), "", name)
		if err == nil {
			if reached, last = wanted(cluster); reached {
				return true, last, nil
			}
		} else if deadline.Err() == nil {
			return false, last, failed(h.Name, newObject(kindCluster, "", name, nil, nil), err)
		}
		if pause(deadline, 200*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return false, last, context.Cause(ctx)
			}
			return false, last, nil
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

// pause waits, and says why it was ended.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
