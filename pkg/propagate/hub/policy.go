package hub

import (
	"fmt"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// generate makes the policies that bring templates to clusters: one for each
// namespace, and one for what is in none. Each names its objects, since a name
// goes before every other policy's selectors.
func (p *planner) generate(templates []manifest.Object) ([]manifest.Object, error) {
	selectors := map[string][]policyv1alpha1.ResourceSelector{}
	var namespaces []string
	for _, t := range templates {
		if isNamespace(t.GroupVersionKind()) {
			continue // Karmada brings every namespace to every cluster
		}
		ns := t.GetNamespace()
		if !slices.Contains(namespaces, ns) {
			namespaces = append(namespaces, ns)
		}
		selectors[ns] = append(selectors[ns], policyv1alpha1.ResourceSelector{
			APIVersion: t.GetAPIVersion(), Kind: t.GetKind(), Namespace: ns, Name: t.GetName(),
		})
	}
	slices.Sort(namespaces)
	policies := make([]manifest.Object, 0, len(namespaces))
	for _, ns := range namespaces {
		o, err := p.policy(ns, selectors[ns])
		if err != nil {
			return nil, err
		}
		policies = append(policies, o)
	}
	return policies, nil
}

func (p *planner) policy(namespace string, selectors []policyv1alpha1.ResourceSelector) (manifest.Object, error) {
	spec := policyv1alpha1.PropagationSpec{
		ResourceSelectors: selectors,
		Placement:         policyv1alpha1.Placement{ClusterAffinity: &policyv1alpha1.ClusterAffinity{ClusterNames: p.names()}},
	}
	if p.options.TakeOver {
		spec.ConflictResolution = policyv1alpha1.ConflictOverwrite
	}
	var made any = &policyv1alpha1.PropagationPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: policyv1alpha1.GroupVersion.String(), Kind: policyv1alpha1.ResourceKindPropagationPolicy},
		ObjectMeta: metav1.ObjectMeta{Name: p.options.Set, Namespace: namespace}, Spec: spec,
	}
	if namespace == "" {
		made = &policyv1alpha1.ClusterPropagationPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: policyv1alpha1.GroupVersion.String(), Kind: policyv1alpha1.ResourceKindClusterPropagationPolicy},
			ObjectMeta: metav1.ObjectMeta{Name: p.options.Set}, Spec: spec,
		}
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(made)
	if err != nil {
		return manifest.Object{}, err
	}
	o := &unstructured.Unstructured{Object: fields}
	unstructured.RemoveNestedField(o.Object, "metadata", "creationTimestamp")
	return manifest.Object{Unstructured: o, Origin: manifest.Origin{Source: fmt.Sprintf("the policy for %s", strings.Join(p.names(), ", "))}}, nil
}
