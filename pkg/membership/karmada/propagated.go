package karmada

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// propagated is by kind what a hub takes out of a cluster that leaves: the objects of its
// Works, but for what they are told to leave there, for Karmada's own role, and for what
// the cluster m does not have from it; without m that is not known.
func (h *Hub) propagated(ctx context.Context, cluster string, m *member.Member) (map[string][]string, error) {
	names := map[string][]string{}
	var doubtful []*unstructured.Unstructured
	space := executionSpace(cluster)
	for page, err := range h.member.Objects(ctx, member.ListRequest{Resource: resourceOf(kindWork), Namespace: space, Limit: 500}) {
		if err != nil {
			return nil, failed(h.Name, newObject(kindWork, space, "*", nil, nil), err)
		}
		for i := range page {
			if stays, _, _ := unstructured.NestedBool(page[i].Object, "spec", "preserveResourcesOnDeletion"); stays {
				continue
			}
			manifests, _, _ := unstructured.NestedSlice(page[i].Object, "spec", "workload", "manifests")
			for _, manifest := range manifests {
				fields, _ := manifest.(map[string]any)
				switch o := (&unstructured.Unstructured{Object: fields}); {
				case o.GetName() == impersonator:
				case m != nil && (o.GetKind() == kindNamespace || !isApplied(&page[i])):
					doubtful = append(doubtful, o)
				default:
					names[o.GetKind()] = append(names[o.GetKind()], o.GetName())
				}
			}
		}
	}
	goes := make([]bool, len(doubtful))
	workqueue.ParallelizeUntil(ctx, 16, len(doubtful), func(i int) { goes[i] = mayGo(ctx, m, doubtful[i]) })
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i, o := range doubtful {
		if goes[i] {
			names[o.GetKind()] = append(names[o.GetKind()], o.GetName())
		}
	}
	return names, nil
}

// isApplied is true for a Work that says that the cluster has it. One that does not may
// have been there in an earlier version, and one of a Namespace says so of what it found.
func isApplied(work *unstructured.Unstructured) bool {
	fields, _, _ := unstructured.NestedMap(work.Object, "status")
	var status struct {
		Conditions []metav1.Condition `json:"conditions"`
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &status)
	return err == nil && meta.IsStatusConditionTrue(status.Conditions, "Applied")
}

// mayGo is false for what a cluster does not have, or not from Karmada, which then
// leaves it.
func mayGo(ctx context.Context, m *member.Member, o *unstructured.Unstructured) bool {
	resource, err := m.ResourceOf(ctx, o.GroupVersionKind(), false)
	if err != nil {
		return member.ReasonOf(err) != member.ReasonNotInstalled
	}
	live, err := m.Object(ctx, resource, o.GetNamespace(), o.GetName())
	if err != nil {
		return member.ReasonOf(err) != member.ReasonNotFound
	}
	return live.GetLabels()["karmada.io/managed"] == "true"
}

// inKinds are counts in words, empty if there is nothing. Namespaces are named: with them
// goes whatever is in them, whoever made it.
func inKinds(names map[string][]string) string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(names)) {
		count := fmt.Sprintf("%s %d", kind, len(names[kind]))
		if kind == "Namespace" {
			count += " (with all that is in " + strings.Join(slices.Sorted(slices.Values(names[kind])), ", ") + ")"
		}
		words = append(words, count)
	}
	return strings.Join(words, ", ")
}
