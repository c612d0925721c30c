package capacity

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Workload is one whose replicas an autoscaler may have.
type Workload struct{ Kind, Namespace, Name string }

// Candidate is a workload that is about to be divided.
type Candidate struct {
	Workload
	GroupVersion schema.GroupVersion
	// Planned: an autoscaler for it is brought along.
	Planned bool
}

// Scaling is of a workload that an autoscaler has, or is to have.
type Scaling struct {
	// Held are the replicas that it has now, if they are ours still, since the
	// autoscaler has not changed them yet. If they were left out, server-side apply
	// would take them away and leave one.
	Held *int64
}

// Scaled are those of the candidates that have a HorizontalPodAutoscaler.
func Scaled(ctx context.Context, m *member.Member, candidates []Candidate) (map[Workload]Scaling, error) {
	live, err := targets(ctx, m, candidates)
	if err != nil {
		return nil, err
	}
	scaled := map[Workload]Scaling{}
	for _, c := range candidates {
		if !c.Planned && !live[c.Workload] {
			continue
		}
		resource, err := m.ResourceOf(ctx, c.GroupVersion.WithKind(c.Kind), false)
		if err != nil {
			return nil, err
		}
		object, err := m.Object(ctx, resource, c.Namespace, c.Name)
		if err != nil && !member.IsObjectNotFound(err) {
			return nil, err
		}
		scaled[c.Workload] = Scaling{Held: held(object)}
	}
	return scaled, nil
}

// targets are the workloads that autoscalers have in the candidates' namespaces.
func targets(ctx context.Context, m *member.Member, candidates []Candidate) (map[Workload]bool, error) {
	var namespaces []string
	for _, c := range candidates {
		if !slices.Contains(namespaces, c.Namespace) {
			namespaces = append(namespaces, c.Namespace)
		}
	}
	if len(namespaces) == 0 {
		return nil, nil
	}
	resource, err := m.ResourceOf(ctx, schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}, false)
	if err != nil {
		if member.ReasonOf(err) == member.ReasonNotInstalled {
			return nil, nil
		}
		return nil, err
	}
	found := map[Workload]bool{}
	for _, namespace := range namespaces {
		for page, err := range m.Objects(ctx, member.ListRequest{Resource: resource, Namespace: namespace, Limit: pageSize}) {
			if err != nil {
				return nil, err
			}
			for i := range page {
				found[TargetOf(&page[i])] = true
			}
		}
	}
	return found, nil
}

// TargetOf is what a HorizontalPodAutoscaler scales.
func TargetOf(autoscaler *unstructured.Unstructured) Workload {
	kind, _, _ := unstructured.NestedString(autoscaler.Object, "spec", "scaleTargetRef", "kind")
	name, _, _ := unstructured.NestedString(autoscaler.Object, "spec", "scaleTargetRef", "name")
	return Workload{kind, autoscaler.GetNamespace(), name}
}

// held are the replicas of an object, if our manager owns them.
func held(object *unstructured.Unstructured) *int64 {
	if object == nil {
		return nil
	}
	replicas, is, err := unstructured.NestedInt64(object.Object, "spec", "replicas")
	if !is || err != nil {
		return nil
	}
	for _, fields := range object.GetManagedFields() {
		if fields.Manager == member.FieldManager && fields.Operation == metav1.ManagedFieldsOperationApply && fields.FieldsV1 != nil &&
			strings.Contains(fields.FieldsV1.GetRawString(), `"f:replicas":{}`) {
			return &replicas
		}
	}
	return nil
}
