package direct

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// ConflictError is fields that other managers own (KEP-555).
type ConflictError struct {
	// Fields by manager.
	Fields map[string][]string
}

func (e *ConflictError) Error() string {
	var owners []string
	for _, owner := range slices.Sorted(maps.Keys(e.Fields)) {
		owners = append(owners, fmt.Sprintf("%s has %s", owner, strings.Join(e.Fields[owner], ", ")))
	}
	return fmt.Sprintf("conflict: %s; --force-conflicts takes them over", strings.Join(owners, "; "))
}

// Reason classifies the failure.
func (*ConflictError) Reason() member.Reason { return member.ReasonRefused }

func (e *ConflictError) owners() string {
	return "fields of " + strings.Join(slices.Sorted(maps.Keys(e.Fields)), ", ")
}

// conflictsOf are the conflicts in a server's error; nil if it is another one.
func conflictsOf(err error) *ConflictError {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	conflicts := &ConflictError{Fields: map[string][]string{}}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		// The message is: conflict with "NAME" using VERSION.
		owner := "another manager"
		if _, quoted, is := strings.Cut(cause.Message, `"`); is {
			owner, _, _ = strings.Cut(quoted, `"`)
		}
		if field := strings.TrimPrefix(cause.Field, "."); !slices.Contains(conflicts.Fields[owner], field) {
			conflicts.Fields[owner] = append(conflicts.Fields[owner], field)
		}
	}
	if len(conflicts.Fields) == 0 {
		return nil
	}
	return conflicts
}

// isNamespaceMissing is true for the error of an object whose namespace is not
// there.
func isNamespaceMissing(err error, namespace string) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	details := status.Status().Details
	return details.Kind == "namespaces" && details.Name == namespace
}

// taken are the values that an object has in the fields that are applied to it:
// what an apply by force may change, as an object to be applied.
func taken(applied, live *unstructured.Unstructured) *unstructured.Unstructured {
	values := valuesOf(applied.Object, live.Object)
	delete(values, "status")
	o := &unstructured.Unstructured{Object: values}
	labels := o.GetLabels()
	delete(labels, set.PartOfLabel)
	o.SetLabels(labels)
	return o
}

// valuesOf are the values that an object has in the fields of another. Lists are
// whole.
func valuesOf(fields, object map[string]any) map[string]any {
	values := map[string]any{}
	for name, wanted := range fields {
		has, is := object[name]
		if !is {
			continue
		}
		inner, isMap := wanted.(map[string]any)
		if innerHas, isMapToo := has.(map[string]any); isMap && isMapToo {
			has = valuesOf(inner, innerHas)
		}
		values[name] = has
	}
	return values
}

func equal(a, b map[string]any) bool { return reflect.DeepEqual(a, b) }
