package hub

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// hasContent is true for a Work with all that its template says, but for what
// policies override in it. By that alone one knows which version it is of where
// the template has no generation.
func hasContent(w *work, template *unstructured.Unstructured) bool {
	overridden, known := w.overridden()
	return known && !slices.ContainsFunc(patches(nil, content(template), content(w.manifest())), func(p patch) bool {
		path := pointerOf(p.path)
		another := p.operator == policyv1alpha1.OverriderOpAdd && isNote(path) // Karmada's, or a former one of ours
		return !another && !touches(overridden, path)
	})
}

// overridden are the fields that policies change in a Work, in the notation of RFC
// 6901. known is false if that cannot be read.
func (w *work) overridden() (paths []string, known bool) {
	applied, known := w.applied()
	for _, a := range applied {
		paths = append(paths, overriddenBy(a.Overriders)...)
	}
	return paths, known
}

// content is what Karmada takes from a template as it is.
func content(o *unstructured.Unstructured) map[string]any {
	fields := maps.Clone(o.Object)
	delete(fields, "status")
	annotations := o.GetAnnotations()
	spec, _, _ := unstructured.NestedMap(o.Object, "spec")
	switch o.GetKind() {
	case "Secret":
		if fields["type"] == string(corev1.SecretTypeServiceAccountToken) { // each cluster fills it in
			delete(fields, "data")
			delete(annotations, corev1.ServiceAccountUIDKey)
		}
	case "Service":
		if spec["clusterIP"] != corev1.ClusterIPNone { // each cluster has its own
			delete(spec, "clusterIP")
			delete(spec, "clusterIPs")
			fields["spec"] = spec
		}
	case "ServiceAccount":
		delete(fields, "secrets")
	case "PersistentVolumeClaim":
		delete(annotations, "volume.kubernetes.io/selected-node")
	}
	notes := map[string]any{}
	for of, pairs := range map[string]map[string]string{"labels": o.GetLabels(), "annotations": annotations} {
		some := map[string]any{}
		for key, value := range pairs {
			if !strings.Contains(key, "karmada.io/") {
				some[key] = value
			}
		}
		notes[of] = some
	}
	fields["metadata"] = notes
	return fields
}

// overriddenBy are the fields that overriders change, in the notation of RFC 6901.
func overriddenBy(o policyv1alpha1.Overriders) []string {
	var paths []string
	for _, p := range o.Plaintext {
		paths = append(paths, p.Path)
	}
	for _, f := range o.FieldOverrider {
		paths = append(paths, f.FieldPath)
	}
	if len(o.LabelsOverrider) > 0 {
		paths = append(paths, "/metadata/labels")
	}
	if len(o.AnnotationsOverrider) > 0 {
		paths = append(paths, "/metadata/annotations")
	}
	if len(o.ImageOverrider)+len(o.CommandOverrider)+len(o.ArgsOverrider) > 0 {
		paths = append(paths, "/spec")
	}
	return paths
}

// applied are the overrides that a Work was made with, as Karmada noted them. known
// is false if the note cannot be read.
func (w *work) applied() (all []appliedOverride, known bool) {
	for _, annotation := range overridesAnnotations() {
		var noted []appliedOverride
		if text := w.Annotations[annotation]; text != "" && json.Unmarshal([]byte(text), &noted) != nil {
			return nil, false
		}
		all = append(all, noted...)
	}
	return all, true
}
