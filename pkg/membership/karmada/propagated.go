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

// propagated is by kind what a hub takes out of a cluster that leaves: the objects of its
// Works, but for what they are told to leave there, and for Karmada's own role.
func (h *Hub) propagated(ctx context.Context, cluster string) (map[string][]string, error) {
	names := map[string][]string{}
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
					names[o.GetKind()] = append(names[o.GetKind()], o.GetName())
				}
			}
		}
	}
	return names, nil
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
