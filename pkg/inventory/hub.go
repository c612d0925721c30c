package inventory

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Hub is a control plane that an inventory is kept on. It bounds and classifies
// its requests; providers only say what they were for.
type Hub interface {
	// Accessor reaches the hub itself.
	Accessor
	// Objects lists a type in all namespaces. The type is named with its group,
	// since plurals clash: "clusters.cluster.karmada.io". A hub that does not
	// have the type is a NotServedError.
	Objects(ctx context.Context, resource string) ([]unstructured.Unstructured, error)
	// Secret reads the data of one Secret.
	Secret(ctx context.Context, namespace, name string) (map[string][]byte, error)
}

// NotServedError is a type that a hub does not have.
type NotServedError struct{ Resource string }

func (e *NotServedError) Error() string { return fmt.Sprintf("it has no type %s", e.Resource) }

// Entries lists the type that makes a cluster a hub; what says in words what one
// without it is not.
func Entries(ctx context.Context, h Hub, resource, what string) ([]unstructured.Unstructured, error) {
	items, err := h.Objects(ctx, resource)
	if _, missing := errors.AsType[*NotServedError](err); missing {
		return nil, fmt.Errorf("this is no %s: %w", what, err)
	}
	return items, err
}
