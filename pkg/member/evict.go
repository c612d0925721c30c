package member

import (
	"context"
	"encoding/json"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Evict asks the API server to evict a pod, if it is still the one of that UID, in
// one attempt. grace, if not nil, is in seconds and replaces the pod's own. A budget
// that says no is an error with policyv1.DisruptionBudgetCause.
func (m *Member) Evict(ctx context.Context, namespace, name string, uid types.UID, grace *int64) error {
	body, err := json.Marshal(policyv1.Eviction{
		TypeMeta:      metav1.TypeMeta{APIVersion: "policy/v1", Kind: "Eviction"},
		ObjectMeta:    metav1.ObjectMeta{Namespace: namespace, Name: name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, GracePeriodSeconds: grace},
	})
	if err != nil {
		return m.classify(err)
	}
	path := ListRequest{Resource: Pods(), Namespace: namespace, Name: name, Subresource: "eviction"}.path()
	_, err = m.write(ctx, m.rest.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body), WriteOptions{})
	return err
}
