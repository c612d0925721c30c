package state

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// DefaultNamespace is where state is kept, unless the user says otherwise.
const DefaultNamespace = "kubectl-fleet"

const (
	// managedByLabel is on everything of ours (the label is Kubernetes').
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "kubectl-fleet"
	// stayLabel keeps a namespace where it is: a Karmada control plane brings every
	// other to all of its clusters, and takes it away where one leaves.
	stayLabel = "namespace.karmada.io/skip-auto-propagation"
)

// Store is the state namespace of one cluster.
type Store struct {
	Member    *member.Member
	Namespace string
}

// Record is a Secret of the store.
type Record struct {
	Name        string
	Labels      map[string]string
	Annotations map[string]string
	Data        map[string][]byte

	// UID and Version are those of what was read or written last; a record that is
	// not there yet has none.
	UID     types.UID
	Version string
}

// ErrChanged is a record that somebody else has written since it was read.
var ErrChanged = errors.New("somebody else has changed it meanwhile")

// EnsureNamespace makes the state namespace if it is missing.
func (s Store) EnsureNamespace(ctx context.Context) error {
	there, err := s.HasNamespace(ctx)
	if there || err != nil {
		return err
	}
	return s.CreateNamespace(ctx)
}

// HasNamespace is true if the state namespace is there.
func (s Store) HasNamespace(ctx context.Context) (bool, error) {
	_, err := s.Member.Object(ctx, namespaces(), "", s.Namespace)
	if member.IsObjectNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// CreateNamespace makes the state namespace, unless somebody has.
func (s Store) CreateNamespace(ctx context.Context) error {
	ns := &unstructured.Unstructured{}
	ns.SetAPIVersion("v1")
	ns.SetKind("Namespace")
	ns.SetName(s.Namespace)
	ns.SetLabels(map[string]string{managedByLabel: managedBy, stayLabel: "true"})
	_, err := s.Member.Create(ctx, namespaces(), ns)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Get reads a record. One that is not there is nil, and so is one in a namespace
// that is not there.
func (s Store) Get(ctx context.Context, name string) (*Record, error) {
	object, err := s.Member.Object(ctx, secrets(), s.Namespace, name)
	if member.IsObjectNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return asRecord(object)
}

// List reads all records that a label selector finds.
func (s Store) List(ctx context.Context, selector string) ([]*Record, error) {
	var records []*Record
	request := member.ListRequest{Resource: secrets(), Namespace: s.Namespace, LabelSelector: selector, Limit: 500}
	for page, err := range s.Member.Objects(ctx, request) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			r, err := asRecord(&page[i])
			if err != nil {
				return nil, err
			}
			records = append(records, r)
		}
	}
	return records, nil
}

// Names are the names of all records that a label selector finds. What they hold
// is not read.
func (s Store) Names(ctx context.Context, selector string) ([]string, error) {
	var names []string
	request := member.ListRequest{Resource: secrets(), Namespace: s.Namespace, LabelSelector: selector, Limit: 500}
	for page, err := range s.Member.Metadata(ctx, request) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			names = append(names, page[i].Name)
		}
	}
	return names, nil
}

// Put writes a record, if it is still as it was read, and gives it its new
// version. Otherwise it is ErrChanged.
func (s Store) Put(ctx context.Context, r *Record) error {
	labels := maps.Clone(r.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[managedByLabel] = managedBy
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Name: r.Name, Namespace: s.Namespace, Labels: labels, Annotations: r.Annotations, ResourceVersion: r.Version, UID: r.UID,
		},
		Data: r.Data,
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(secret)
	if err != nil {
		return err
	}
	write := s.Member.Update
	if r.Version == "" {
		write = s.Member.Create
	}
	written, err := write(ctx, secrets(), &unstructured.Unstructured{Object: fields})
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || r.Version != "" && member.IsObjectNotFound(err) {
		return fmt.Errorf("secret %s/%s: %w", s.Namespace, r.Name, ErrChanged)
	}
	if err != nil {
		return err
	}
	r.UID, r.Version = written.GetUID(), written.GetResourceVersion()
	return nil
}

// Delete deletes a record. One that is gone already is no error.
func (s Store) Delete(ctx context.Context, r *Record) error {
	err := s.Member.Delete(ctx, secrets(), s.Namespace, r.Name, r.UID, member.WriteOptions{})
	if member.IsObjectNotFound(err) {
		return nil
	}
	return err
}

func asRecord(object *unstructured.Unstructured) (*Record, error) {
	var secret corev1.Secret
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &secret); err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return &Record{
		Name: secret.Name, Labels: secret.Labels, Annotations: secret.Annotations, Data: secret.Data,
		UID: secret.UID, Version: secret.ResourceVersion,
	}, nil
}

func secrets() member.Resource { return core("secrets", "Secret", true) }

func namespaces() member.Resource { return core("namespaces", "Namespace", false) }

func core(resource, kind string, namespaced bool) member.Resource {
	return member.Resource{
		GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: resource}, Kind: kind, Namespaced: namespaced,
	}
}
