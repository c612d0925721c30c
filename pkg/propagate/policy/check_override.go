package policy

import (
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

const (
	opAdd     = string(policyv1alpha1.OverriderOpAdd)
	opRemove  = string(policyv1alpha1.OverriderOpRemove)
	opReplace = string(policyv1alpha1.OverriderOpReplace)
)

// complete fills in what Karmada's webhook fills in.
func (o *override) complete() { o.completeSelectors(o.kind, o.spec.ResourceSelectors) }

// check finds what Karmada's schema and webhook refuse, and overriders that can
// be applied to nothing.
func (o *override) check() {
	o.selectors(o.kind, o.spec.ResourceSelectors)
	if len(o.spec.OverrideRules) > 0 {
		for _, deprecated := range []string{"targetCluster", "overriders"} {
			// Karmada's own clients write empty ones.
			if fields, _, _ := unstructured.NestedMap(o.object.Object, "spec", deprecated); len(fields) > 0 {
				o.wrong(manifest.Path{"spec", deprecated}, "overrideRules is there, too: take one of them out")
			}
		}
	}
	for _, r := range o.rules {
		if r.TargetCluster != nil {
			o.affinity(r.target, *r.TargetCluster)
		}
		for i, v := range r.Overriders.Plaintext {
			o.plaintext(r.plaintext.Child(i), v)
		}
		for i, v := range r.Overriders.ImageOverrider {
			o.image(r.overriders.Child("imageOverrider", i), v)
		}
		for i, v := range r.Overriders.CommandOverrider {
			o.command(r.overriders.Child("commandOverrider", i), v)
		}
		for i, v := range r.Overriders.ArgsOverrider {
			o.command(r.overriders.Child("argsOverrider", i), v)
		}
		for i, v := range r.Overriders.LabelsOverrider {
			at := r.overriders.Child("labelsOverrider", i)
			o.oneOf(at.Child("operator"), string(v.Operator), opAdd, opRemove, opReplace)
			o.all(at.Child("value"), metav1validation.ValidateLabels(v.Value, nil))
		}
		for i, v := range r.Overriders.AnnotationsOverrider {
			at := r.overriders.Child("annotationsOverrider", i)
			o.oneOf(at.Child("operator"), string(v.Operator), opAdd, opRemove, opReplace)
			o.all(at.Child("value"), apivalidation.ValidateAnnotations(v.Value, nil))
		}
		for i, v := range r.Overriders.FieldOverrider {
			o.field(r.overriders.Child("fieldOverrider", i), v)
		}
	}
}

func (o *override) plaintext(at manifest.Path, v policyv1alpha1.PlaintextOverrider) {
	o.pointer(at.Child("path"), v.Path)
	o.oneOf(at.Child("operator"), string(v.Operator), opAdd, opRemove, opReplace)
	// Karmada's type cannot tell null from nothing.
	written := has(o.object.Object, at.Child("value"))
	switch {
	case v.Operator == policyv1alpha1.OverriderOpRemove && written:
		o.note(at.Child("value"), "it means nothing: what is removed has none")
	case v.Operator != policyv1alpha1.OverriderOpRemove && !written:
		o.wrong(at.Child("value"), "it is missing; to set null, write value: null")
	}
}

func (o *override) image(at manifest.Path, v policyv1alpha1.ImageOverrider) {
	if v.Predicate != nil {
		o.pointer(at.Child("predicate", "path"), v.Predicate.Path)
	}
	o.oneOf(at.Child("component"), string(v.Component), string(policyv1alpha1.Registry), string(policyv1alpha1.Repository), string(policyv1alpha1.Tag))
	o.oneOf(at.Child("operator"), string(v.Operator), opAdd, opRemove, opReplace)
	if v.Value == "" && v.Operator != policyv1alpha1.OverriderOpRemove {
		o.wrong(at.Child("value"), "it is missing")
	}
}

func (o *override) command(at manifest.Path, v policyv1alpha1.CommandArgsOverrider) {
	if v.ContainerName == "" {
		o.wrong(at.Child("containerName"), "it is missing")
	}
	o.oneOf(at.Child("operator"), string(v.Operator), opAdd, opRemove)
}

func (o *override) field(at manifest.Path, v policyv1alpha1.FieldOverrider) {
	o.pointer(at.Child("fieldPath"), v.FieldPath)
	switch {
	case len(v.JSON) > 0 && len(v.YAML) > 0:
		o.wrong(at.Child("yaml"), "json is there, too: the field is one of them")
	case len(v.JSON) == 0 && len(v.YAML) == 0:
		o.wrong(at, "it has neither json nor yaml")
	}
	for i, op := range v.JSON {
		o.patch(at.Child("json", i), op.SubPath, op.Operator, op.Value)
	}
	for i, op := range v.YAML {
		o.patch(at.Child("yaml", i), op.SubPath, op.Operator, op.Value)
	}
}

func (o *override) patch(at manifest.Path, path string, operator policyv1alpha1.OverriderOperator, value apiextensionsv1.JSON) {
	o.pointer(at.Child("subPath"), path)
	o.oneOf(at.Child("operator"), string(operator), opAdd, opRemove, opReplace)
	switch {
	case operator == policyv1alpha1.OverriderOpRemove && len(value.Raw) > 0:
		o.wrong(at.Child("value"), "what is removed has none")
	case operator != policyv1alpha1.OverriderOpRemove && len(value.Raw) == 0:
		o.wrong(at.Child("value"), "it is missing")
	}
}

// pointer checks a path in the notation of RFC 6901.
func (o *override) pointer(at manifest.Path, path string) {
	switch {
	case path == "":
		o.wrong(at, "it is missing")
	case path[0] != '/':
		o.wrong(at, "it is %q, and has to begin with /", path)
	}
}

func (o *override) all(at manifest.Path, errs field.ErrorList) {
	for _, err := range errs {
		o.wrong(at, "%s", err.ErrorBody())
	}
}

// has says whether a field was written, be it as null.
func has(value any, path manifest.Path) bool {
	for _, step := range path {
		switch step := step.(type) {
		case int:
			items, _ := value.([]any)
			if step >= len(items) {
				return false
			}
			value = items[step]
		case string:
			fields, _ := value.(map[string]any)
			next, is := fields[step]
			if !is {
				return false
			}
			value = next
		}
	}
	return true
}
