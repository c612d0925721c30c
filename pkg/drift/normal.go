package drift

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Options say what of an object is compared.
type Options struct {
	// AllFields compares also what servers and controllers set.
	AllFields bool
	// Ignore are patterns of fields that are not compared.
	Ignore []Path
}

// Normal is the object without what is each cluster's own and without what is
// ignored, Secrets hashed, in a form in which equal objects are equal. The
// object given is not changed.
func Normal(object *unstructured.Unstructured, o Options) map[string]any {
	u := object.DeepCopy()
	dropAnnotations(u, func(name string) bool { return name == v1alpha1.ClusterAnnotation }) // what we read it with
	HashSecret(u)
	if !o.AllFields {
		dropOwn(u)
	}
	for _, p := range o.Ignore {
		// An object of which nothing is left is still there.
		if left, _ := remove(u.Object, p); left != nil {
			u.Object, _ = left.(map[string]any)
		}
	}
	normal, _ := ordered("", u.Object).(map[string]any)
	return normal
}

// ownFields are the fields of any object that each cluster fills by itself, and
// those of some kinds. docs/diff.md gives the reason of each.
func ownFields(kind string) []string {
	fields := []string{
		"status",
		"metadata.managedFields", "metadata.uid", "metadata.resourceVersion", "metadata.generation",
		"metadata.creationTimestamp", "metadata.selfLink", "metadata.ownerReferences[*].uid",
		`metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]`,
	}
	switch kind {
	case "Service":
		fields = append(fields, "spec.ports[*].nodePort", "spec.healthCheckNodePort")
	case "Deployment.apps", "ReplicaSet.apps":
		fields = append(fields, `metadata.annotations["deployment.kubernetes.io/revision"]`,
			"metadata.labels.pod-template-hash", "spec.selector.matchLabels.pod-template-hash", "spec.template.metadata.labels.pod-template-hash")
	case "DaemonSet.apps":
		fields = append(fields, `metadata.annotations["deprecated.daemonset.template.generation"]`)
	case "Pod":
		fields = append(fields, "spec.nodeName", "metadata.labels.pod-template-hash", "metadata.labels.controller-revision-hash",
			`metadata.labels["batch.kubernetes.io/controller-uid"]`, "metadata.labels.controller-uid")
	case "Job.batch":
		for _, at := range []string{"metadata.labels", "spec.selector.matchLabels", "spec.template.metadata.labels"} {
			fields = append(fields, at+`["batch.kubernetes.io/controller-uid"]`, at+".controller-uid")
		}
	case "PersistentVolumeClaim":
		fields = append(fields, "spec.volumeName", `metadata.annotations["volume.kubernetes.io/selected-node"]`)
	case "PersistentVolume":
		fields = append(fields, "spec.claimRef.uid", "spec.claimRef.resourceVersion")
	case "Secret":
		fields = append(fields, `metadata.annotations["kubernetes.io/service-account.uid"]`)
	}
	return fields
}

// dropOwn takes out of the object what is each cluster's own.
func dropOwn(u *unstructured.Unstructured) {
	kind := u.GroupVersionKind().GroupKind().String()
	for _, field := range ownFields(kind) {
		p, err := ParsePath(field)
		if err != nil {
			panic(err) // ours, and tested
		}
		_, _ = remove(u.Object, p)
	}
	dropAnnotations(u, func(name string) bool { return strings.HasPrefix(name, v1alpha1.Group+"/") })
	switch kind {
	case "Service":
		dropAddresses(u)
	case "Pod":
		renameToken(u.Object)
	}
}

// dropAnnotations drops annotations by name, and the map where it has no other.
func dropAnnotations(u *unstructured.Unstructured, ours func(name string) bool) {
	annotations := u.GetAnnotations()
	maps.DeleteFunc(annotations, func(name, _ string) bool { return ours(name) })
	if len(annotations) == 0 {
		annotations = nil
	}
	u.SetAnnotations(annotations)
}

// dropAddresses drops a Service's addresses. None stays: it is the user's choice.
func dropAddresses(u *unstructured.Unstructured) {
	if ip, _, _ := unstructured.NestedString(u.Object, "spec", "clusterIP"); ip != "None" {
		unstructured.RemoveNestedField(u.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(u.Object, "spec", "clusterIPs")
	}
}

// tokenVolume begins the name of the volume that the API server gives a Pod for
// its token; the rest is random.
const tokenVolume = "kube-api-access-"

// renameToken takes the random part off the names of token volumes.
func renameToken(value any) {
	switch value := value.(type) {
	case map[string]any:
		if name, is := value["name"].(string); is && strings.HasPrefix(name, tokenVolume) && len(name) == len(tokenVolume)+5 {
			value["name"] = strings.TrimSuffix(tokenVolume, "-")
		}
		for _, child := range value {
			renameToken(child)
		}
	case []any:
		for _, item := range value {
			renameToken(item)
		}
	}
}

// ordered is the value with no nulls, which say as much as no field, and with the
// lists sorted whose order means nothing.
func ordered(field string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(value))
		for name, child := range value {
			if child != nil {
				kept[name] = ordered(name, child)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(value))
		for i, item := range value {
			kept[i] = ordered("", item)
		}
		keys := keysOf(kept)
		if keys == nil || !unordered(field) {
			return kept
		}
		slices.SortFunc(kept, func(a, b any) int {
			idA, _ := identify(a, keys)
			idB, _ := identify(b, keys)
			return strings.Compare(idA, idB)
		})
		return kept
	}
	return runtime.DeepCopyJSONValue(value)
}

// Portable is the object as it could be written for any cluster: without what is
// this one's own. Secrets keep what they hold.
func Portable(object *unstructured.Unstructured) *unstructured.Unstructured {
	u := object.DeepCopy()
	dropAnnotations(u, func(name string) bool { return name == v1alpha1.ClusterAnnotation })
	dropOwn(u)
	return u
}
