package policy

import (
	"errors"
	"fmt"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// version is that of every kind that is understood.
const version = "v1alpha1"

// Set are the policies of one input.
type Set struct {
	propagations []*propagation
	overrides    []*override
}

// propagation says where objects go.
type propagation struct {
	*form
	// kind is Karmada's, also of what was translated.
	kind       string
	translated bool
	spec       policyv1alpha1.PropagationSpec
	hardware   *Hardware
}

// override says what is different in some clusters.
type override struct {
	*form
	kind       string
	translated bool
	spec       policyv1alpha1.OverrideSpec
	// rules are those of spec, with where they were written.
	rules []rule
}

type rule struct {
	policyv1alpha1.RuleWithCluster
	target, overriders, plaintext manifest.Path
}

// clusterScoped says whether the policy is for objects of all namespaces.
func clusterScoped(kind string) bool {
	return kind == policyv1alpha1.ResourceKindClusterPropagationPolicy || kind == policyv1alpha1.ResourceKindClusterOverridePolicy
}

// kind is what a policy is read as.
type kind struct {
	propagation, override bool
	// distribution is the shape of Kurator.
	distribution bool
}

// kindOf knows the kinds that are policies, of any version.
func kindOf(gvk schema.GroupVersionKind) (kind, bool) {
	switch gvk.Group {
	case policyv1alpha1.GroupName:
		switch gvk.Kind {
		case policyv1alpha1.ResourceKindPropagationPolicy, policyv1alpha1.ResourceKindClusterPropagationPolicy:
			return kind{propagation: true}, true
		case policyv1alpha1.ResourceKindOverridePolicy, policyv1alpha1.ResourceKindClusterOverridePolicy:
			return kind{override: true}, true
		}
	case "policy.kurator.dev", "apps.kurator.dev":
		switch gvk.Kind {
		case "DistributionPolicy":
			return kind{propagation: true, distribution: true}, true
		case policyv1alpha1.ResourceKindOverridePolicy:
			return kind{override: true, distribution: true}, true
		}
	}
	return kind{}, false
}

// Scope says of a kind whether it is a policy, and of a policy whether it is in a
// namespace. One without gets the namespace that its objects get, before Split: a
// policy in a namespace is for the objects there.
func Scope(gvk schema.GroupVersionKind) (namespaced, known bool) {
	_, known = kindOf(gvk)
	return known && !clusterScoped(gvk.Kind), known
}

// Split takes the policies out of the objects; the others are returned in their
// order. All errors are found, each with the line of the field.
func Split(objects []manifest.Object) (*Set, []manifest.Object, error) {
	s := &Set{}
	var rest []manifest.Object
	var errs []error
	first := map[string]manifest.Origin{}
	for _, o := range objects {
		k, is := kindOf(o.GroupVersionKind())
		if !is {
			rest = append(rest, o)
			continue
		}
		f := newForm(o)
		what := s.read(f, k)
		if at, is := first[what]; is {
			f.wrong(manifest.Path{"metadata", "name"}, "%s is there already: %s", what, at)
		}
		first[what] = o.Origin
		errs = append(errs, f.err())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	return s, rest, s.contradictions(rest)
}

// read adds the policy of a form to the set and says what it is on a hub.
func (s *Set) read(f *form, k kind) string {
	if v := f.object.GroupVersionKind().Version; v != version {
		f.wrong(manifest.Path{"apiVersion"}, "version %s of %s is not known; %s is", v, f.object.GetKind(), version)
		return f.object.What()
	}
	if k.propagation {
		p := f.karmadaPropagation
		if k.distribution {
			p = f.distribution
		}
		if policy := p(); policy != nil {
			policy.complete()
			policy.check()
			s.propagations = append(s.propagations, policy)
			return policy.what()
		}
		return f.object.What()
	}
	o := f.karmadaOverride
	if k.distribution {
		o = f.distributionOverride
	}
	if policy := o(); policy != nil {
		policy.complete()
		policy.check()
		s.overrides = append(s.overrides, policy)
		return policy.what()
	}
	return f.object.What()
}

func (f *form) karmadaPropagation() *propagation {
	var p policyv1alpha1.PropagationPolicy
	if !f.decode(&p) {
		return nil
	}
	return &propagation{form: f, kind: p.Kind, spec: p.Spec}
}

func (f *form) karmadaOverride() *override {
	var p policyv1alpha1.OverridePolicy
	if !f.decode(&p) {
		return nil
	}
	o := &override{form: f, kind: p.Kind, spec: p.Spec}
	spec := manifest.Path{"spec"}
	for i, r := range p.Spec.OverrideRules {
		at := spec.Child("overrideRules", i)
		o.rules = append(o.rules, rule{r, at.Child("targetCluster"), at.Child("overriders"), at.Child("overriders", "plaintext")})
	}
	if len(o.rules) == 0 {
		//nolint:staticcheck // Karmada applies the deprecated form of one rule still
		r := policyv1alpha1.RuleWithCluster{TargetCluster: p.Spec.TargetCluster, Overriders: p.Spec.Overriders}
		o.rules = []rule{{r, spec.Child("targetCluster"), spec.Child("overriders"), spec.Child("overriders", "plaintext")}}
	}
	return o
}

func (p *propagation) what() string { return whatOn(p.kind, p.object) }

func (o *override) what() string { return whatOn(o.kind, o.object) }

// whatOn is what a policy is called on a hub.
func whatOn(kind string, o manifest.Object) string {
	if ns := o.GetNamespace(); ns != "" {
		return fmt.Sprintf("%s %s/%s", kind, ns, o.GetName())
	}
	return fmt.Sprintf("%s %s", kind, o.GetName())
}

// Empty is true where the input had no policies.
func (s *Set) Empty() bool { return len(s.propagations)+len(s.overrides) == 0 }

// Notes are what the authors of the policies should know, whatever brings the
// objects to the clusters.
func (s *Set) Notes() []Note {
	var notes []Note
	for _, p := range s.propagations {
		notes = append(notes, p.notes...)
	}
	for _, o := range s.overrides {
		notes = append(notes, o.notes...)
	}
	return notes
}

// Objects are the policies as a Karmada control plane takes them.
func (s *Set) Objects() ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, p := range s.propagations {
		if !p.translated {
			objects = append(objects, p.object.DeepCopy())
			continue
		}
		if p.hardware != nil && p.hardware.narrowed == nil {
			return nil, &manifest.Error{Origin: p.object.Origin, Err: errNotNarrowed}
		}
		o, err := p.translate(p.kind, p.narrowed())
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	for _, p := range s.overrides {
		if !p.translated {
			objects = append(objects, p.object.DeepCopy())
			continue
		}
		o, err := p.translate(p.kind, &p.spec)
		if err != nil {
			return nil, err
		}
		// The deprecated rule is written even where it is empty.
		unstructured.RemoveNestedField(o.Object, "spec", "overriders")
		objects = append(objects, o)
	}
	return objects, nil
}

// translate is a policy as Karmada's kind.
func (f *form) translate(kind string, spec any) (*unstructured.Unstructured, error) {
	u := f.object.DeepCopy()
	u.SetAPIVersion(policyv1alpha1.GroupVersion.String())
	u.SetKind(kind)
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil, &manifest.Error{Origin: f.object.Origin, Err: err}
	}
	u.Object["spec"] = fields
	return u, nil
}
