package member

import (
	"context"
	"encoding/json"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Scale sets the replicas of an object by its subresource scale, if the object is
// still of its resourceVersion. One that has changed is an IsConflict error.
func (m *Member) Scale(ctx context.Context, r Resource, object *unstructured.Unstructured, replicas int32) error {
	body, err := json.Marshal(autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Scale"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		},
		Spec: autoscalingv1.ScaleSpec{Replicas: replicas},
	})
	if err != nil {
		return m.classify(err)
	}
	path := ListRequest{Resource: r, Namespace: object.GetNamespace(), Name: object.GetName(), Subresource: "scale"}.path()
	_, err = m.write(ctx, m.rest.Put().AbsPath(path).Param("fieldManager", FieldManager).SetHeader("Content-Type", "application/json").Body(body), WriteOptions{})
	return err
}

// PatchOperation is one step of a JSON patch (RFC 6902).
type PatchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// JSONPatch changes an object by a JSON patch. One of whose tests fails changes
// nothing, and is an IsInvalid error.
func (m *Member) JSONPatch(ctx context.Context, r Resource, namespace, name string, patch []PatchOperation) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return m.classify(err)
	}
	path := ListRequest{Resource: r, Namespace: namespace, Name: name}.path()
	_, err = m.write(ctx, m.rest.Patch(types.JSONPatchType).AbsPath(path).Param("fieldManager", FieldManager).Body(body), WriteOptions{})
	return err
}
