package velero

import (
	"context"
	"errors"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Server is the Velero of one cluster.
type Server struct {
	Member *member.Member
	// Namespace is where it runs.
	Namespace string
}

// ErrNotInstalled is a cluster that does not know Velero's kinds.
var ErrNotInstalled error = &member.Error{Reason: member.ReasonNotInstalled, Err: errors.New("the cluster does not know velero.io/v1: Velero is not installed")}

// object is a pointer to a kind of Velero's.
type object[T any] interface {
	*T
	metav1.Object
}

// pageSize is how many objects a server sends at once.
const pageSize = 500

// resource is a kind of Velero's. It needs no discovery: all of them are of one
// version.
func resource(plural, kind string) member.Resource {
	return member.Resource{GroupVersionResource: velerov1.SchemeGroupVersion.WithResource(plural), Kind: kind, Namespaced: true}
}

// read reads one object. One that does not exist is an error that
// member.IsObjectNotFound knows.
func read[T any, P object[T]](ctx context.Context, s Server, r member.Resource, name string) (P, error) {
	found, err := s.Member.Object(ctx, r, s.Namespace, name)
	if err != nil {
		return nil, explain(err)
	}
	return decode[T, P](found)
}

// list reads all objects that a label selector finds; empty: all of the namespace.
func list[T any, P object[T]](ctx context.Context, s Server, r member.Resource, selector string) ([]P, error) {
	var all []P
	for page, err := range s.Member.Objects(ctx, member.ListRequest{Resource: r, Namespace: s.Namespace, LabelSelector: selector, Limit: pageSize}) {
		if err != nil {
			return nil, explain(err)
		}
		for i := range page {
			one, err := decode[T, P](&page[i])
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// create makes an object, and returns it as the server has it then.
func create[T any, P object[T]](ctx context.Context, s Server, r member.Resource, one P) (P, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(one)
	if err != nil {
		return nil, err
	}
	wanted := &unstructured.Unstructured{Object: fields}
	wanted.SetNamespace(s.Namespace)
	wanted.SetAPIVersion(velerov1.SchemeGroupVersion.String())
	wanted.SetKind(r.Kind)
	made, err := s.Member.Create(ctx, r, wanted)
	if err != nil {
		return nil, explain(err)
	}
	return decode[T, P](made)
}

func decode[T any, P object[T]](found *unstructured.Unstructured) (P, error) {
	one := P(new(T))
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, one); err != nil {
		return nil, &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
	}
	return one, nil
}

// explain tells a cluster without Velero from an object that is not there.
func explain(err error) error {
	if apierrors.IsNotFound(err) && !member.IsObjectNotFound(err) {
		return ErrNotInstalled
	}
	return err
}
