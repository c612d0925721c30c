package karmada

import (
	"context"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// placedAt says what a hub brings to a cluster as soon as it has joined: there may be
// policies from before it left, or for all clusters. Empty if there is nothing. Who may
// not see policies may join all the same.
func (h *Hub) placedAt(ctx context.Context, cluster string, its map[string]string) string {
	var names []string
	for _, kind := range []string{kindClusterPropagationPolicy, kindPropagationPolicy} {
		for page, err := range h.member.Objects(ctx, member.ListRequest{Resource: resourceOf(kind), Limit: 500}) {
			switch {
			case member.ReasonOf(err) == member.ReasonNotFound && err != nil:
			case err != nil:
				return "what it brings there is not known: " + err.Error()
			}
			for i := range page {
				if p := &page[i]; places(p, cluster, its) {
					names = append(names, strings.TrimPrefix(p.GetNamespace()+"/"+p.GetName(), "/"))
				}
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "it brings there what these policies place: " + strings.Join(names, ", ")
}

// places is true for a policy by which a cluster of that name and labels gets
// something; also where it depends on its region, provider or zone.
func places(p *unstructured.Unstructured, cluster string, its map[string]string) bool {
	fields, _, _ := unstructured.NestedMap(p.Object, "spec", "placement")
	var placement policyv1alpha1.Placement
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &placement); err != nil {
		return true
	}
	affinities := make([]*policyv1alpha1.ClusterAffinity, 0, 1+len(placement.ClusterAffinities))
	for i := range placement.ClusterAffinities {
		affinities = append(affinities, &placement.ClusterAffinities[i].ClusterAffinity)
	}
	if len(affinities) == 0 && placement.ClusterAffinity == nil {
		return true
	}
	if placement.ClusterAffinity != nil {
		affinities = append(affinities, placement.ClusterAffinity)
	}
	return slices.ContainsFunc(affinities, func(a *policyv1alpha1.ClusterAffinity) bool {
		if slices.Contains(a.ExcludeClusters, cluster) || len(a.ClusterNames) > 0 && !slices.Contains(a.ClusterNames, cluster) {
			return false
		}
		if a.LabelSelector == nil {
			return true
		}
		selector, err := metav1.LabelSelectorAsSelector(a.LabelSelector)
		return err != nil || selector.Matches(labels.Set(its))
	})
}
