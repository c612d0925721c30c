package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// hubPage is how many objects of an inventory a hub is asked for at once.
const hubPage = 500

// Hub is a cluster that an inventory is kept on. It is read as any other
// member: bounded, in one attempt, its errors classified.
type Hub struct {
	pool    *Pool
	cluster inventory.Cluster
}

var _ inventory.Hub = &Hub{}

// Hub returns the way to the hub that a cluster is. Nothing is sent.
func (p *Pool) Hub(c inventory.Cluster) *Hub { return &Hub{pool: p, cluster: c} }

// RESTConfig implements inventory.Hub.
func (h *Hub) RESTConfig(ctx context.Context) (*rest.Config, error) {
	return h.cluster.Access.RESTConfig(ctx)
}

// Objects implements inventory.Hub.
func (h *Hub) Objects(ctx context.Context, resource string) ([]unstructured.Unstructured, error) {
	m, err := h.pool.Member(ctx, h.cluster)
	if err != nil {
		return nil, err
	}
	r, err := m.Resource(ctx, resource)
	var items []unstructured.Unstructured
	if err == nil {
		items, err = m.all(ctx, r)
	}
	if apierrors.IsNotFound(err) { // not where discovery remembers it
		if r, err = m.ResourceNow(ctx, resource); err == nil {
			items, err = m.all(ctx, r)
		}
	}
	if err != nil && ReasonOf(err) == ReasonNotInstalled {
		return nil, &Error{Reason: ReasonNotInstalled, Err: &inventory.NotServedError{Resource: resource}}
	}
	return items, err
}

func (m *Member) all(ctx context.Context, r Resource) ([]unstructured.Unstructured, error) {
	var items []unstructured.Unstructured
	for page, err := range m.Objects(ctx, ListRequest{Resource: r, Limit: hubPage}) {
		if err != nil {
			return nil, err
		}
		items = append(items, page...)
	}
	return items, nil
}

// Secret implements inventory.Hub.
func (h *Hub) Secret(ctx context.Context, namespace, name string) (map[string][]byte, error) {
	for _, segment := range []string{namespace, name} {
		if reasons := content.IsPathSegmentName(segment); segment == "" || len(reasons) > 0 {
			return nil, &Error{Reason: ReasonMisconfigured, Err: fmt.Errorf("%q is no name of a Secret or namespace", segment)}
		}
	}
	m, err := h.pool.Member(ctx, h.cluster)
	if err != nil {
		return nil, err
	}
	path := "/api/v1/namespaces/" + namespace + "/secrets/" + name
	data, err := m.get(ctx, path, acceptJSON)
	if err != nil {
		return nil, err
	}
	var secret corev1.Secret
	if err := json.Unmarshal(data, &secret); err != nil {
		// Not with the decoder's words: they may quote the data.
		return nil, &Error{Reason: ReasonInvalidAnswer, Err: &AnswerError{Path: path, Err: errors.New("it is no Secret")}}
	}
	return secret.Data, nil
}
