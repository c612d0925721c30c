package karmada

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// propagated counts by kind what a hub takes out of a cluster that leaves: the objects
// of its Works, but for what they are told to leave there, and for Karmada's own role.
func (h *Hub) propagated(ctx context.Context, cluster string) (map[string]int, error) {
	counts := map[string]int{}
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
				if o := (unstructured.Unstructured{Object: fields}); o.GetName() != impersonator {
					counts[o.GetKind()]++
				}
			}
		}
	}
	return counts, nil
}

// inKinds are counts in words, empty if there is nothing.
func inKinds(counts map[string]int) string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(words, ", ")
}
