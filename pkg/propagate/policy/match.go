package policy

import (
	"slices"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Target is a cluster that objects may go to, as policies see it.
type Target struct {
	Name             string
	Labels           map[string]string
	Provider, Region string
	Zones            []string
}

// precision is how closely a policy's selectors match an object: the more
// closely, the stronger the policy.
type precision int

const (
	mismatch precision = iota
	byKind
	byLabels
	byName
)

// precisionOf is that of the best of several selectors. A name goes before
// labels also inside of one: then the labels are not looked at.
func precisionOf(object *unstructured.Unstructured, selectors []policyv1alpha1.ResourceSelector) precision {
	best := mismatch
	for _, s := range selectors {
		best = max(best, selects(object, s))
	}
	return best
}

func selects(object *unstructured.Unstructured, s policyv1alpha1.ResourceSelector) precision {
	switch {
	case object.GetAPIVersion() != s.APIVersion, object.GetKind() != s.Kind,
		s.Namespace != "" && object.GetNamespace() != s.Namespace,
		s.Name != "" && object.GetName() != s.Name:
		return mismatch
	case s.Name != "":
		return byName
	case s.LabelSelector == nil:
		return byKind
	case labelsMatch(s.LabelSelector, object.GetLabels()):
		return byLabels
	}
	return mismatch
}

// matches says whether a cluster is one of those that an affinity means. Each
// part that is there has to agree; an affinity without parts means all.
func matches(t Target, a policyv1alpha1.ClusterAffinity) bool {
	if slices.Contains(a.ExcludeClusters, t.Name) ||
		len(a.ClusterNames) > 0 && !slices.Contains(a.ClusterNames, t.Name) ||
		a.LabelSelector != nil && !labelsMatch(a.LabelSelector, t.Labels) {
		return false
	}
	if a.FieldSelector == nil {
		return true
	}
	for _, r := range a.FieldSelector.MatchExpressions {
		in := slices.ContainsFunc(t.field(policyv1alpha1.SpreadFieldValue(r.Key)), func(v string) bool { return slices.Contains(r.Values, v) })
		if in != (r.Operator == corev1.NodeSelectorOpIn) {
			return false
		}
	}
	return true
}

// labelsMatch takes a selector that has been checked.
func labelsMatch(selector *metav1.LabelSelector, of map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(of))
}

// field is what a cluster has as its provider, region or zone; zones may be
// several.
func (t Target) field(name policyv1alpha1.SpreadFieldValue) []string {
	values := t.Zones
	switch name {
	case policyv1alpha1.SpreadByFieldCluster:
		values = []string{t.Name}
	case policyv1alpha1.SpreadByFieldProvider:
		values = []string{t.Provider}
	case policyv1alpha1.SpreadByFieldRegion:
		values = []string{t.Region}
	case policyv1alpha1.SpreadByFieldZone:
	}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}
