package propagate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

const someone = "someone"

// someoneElses makes a ConfigMap that the set will find.
func (l *life) someoneElses(t *testing.T) {
	t.Helper()
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "adopted"}, Data: map[string]string{"taken": "theirs", "kept": "theirs"}}
	for _, c := range l.written() {
		if _, err := l.client(t, c).CoreV1().ConfigMaps(l.name).Create(t.Context(), theirs, metav1.CreateOptions{FieldManager: someone}); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *life) client(t *testing.T, cluster string) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(l.fleet.RESTConfig(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// removeAll takes away what is left of a life.
func (l *life) removeAll(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, c := range l.places() {
		objects, err := dynamic.NewForConfig(l.fleet.RESTConfig(t, c))
		if err != nil {
			t.Fatal(err)
		}
		_ = objects.Resource(definitions()).Delete(ctx, "widgets."+l.name+".example.com", metav1.DeleteOptions{})
		for _, ns := range []string{l.name, "state-" + l.name} {
			_ = l.client(t, c).CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{})
		}
	}
}

func definitions() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

func policies(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "policy.karmada.io", Version: "v1alpha1", Resource: resource}
}

// hashed are the names of override policies.
func hashed() *regexp.Regexp { return regexp.MustCompile("NAME-[0-9a-f]{10}") }

// state is all that the life has in some places, without what no two lives have
// in common.
func (l *life) state(t *testing.T, places []string) string {
	t.Helper()
	names := strings.NewReplacer(set.ID(l.name, "state-"+l.name), "SET-ID", l.name, "NAME")
	var text strings.Builder
	for _, c := range places {
		objects, err := dynamic.NewForConfig(l.fleet.RESTConfig(t, c))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "--- %s\n", c)
		for _, what := range []struct {
			resource  schema.GroupVersionResource
			namespace string
		}{
			{schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, ""},
			{definitions(), ""},
			{schema.GroupVersionResource{Group: l.name + ".example.com", Version: "v1", Resource: "widgets"}, l.name},
			{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, l.name},
			{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, l.name},
			{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, l.name},
			{schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}, "state-" + l.name},
			{policies("propagationpolicies"), l.name},
			{policies("overridepolicies"), l.name},
			{policies("clusterpropagationpolicies"), ""},
			{policies("clusteroverridepolicies"), ""},
		} {
			list, err := objects.Resource(what.resource).Namespace(what.namespace).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				fmt.Fprintf(&text, "%s: none\n", what.resource.Resource)
				continue
			}
			var found []string
			for i := range list.Items {
				if o := &list.Items[i]; what.namespace != "" || strings.HasPrefix(o.GetName(), l.name) || strings.HasSuffix(o.GetName(), l.name) || strings.Contains(o.GetName(), "."+l.name+".") {
					found = append(found, names.Replace(normal(t, o)))
				}
			}
			slices.Sort(found)
			text.WriteString(strings.Join(found, ""))
		}
		text.WriteString(names.Replace(l.records(t, c)))
	}
	return hashed().ReplaceAllString(text.String(), "NAME-HASH") // of what has the life's name in it
}

// normal is an object without what each copy has of its own, and with what the set
// and someone else manage of it.
func normal(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	if o.GetName() == "kube-root-ca.crt" {
		return ""
	}
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(o.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
	o.SetAnnotations(withoutKarmadas(o.GetAnnotations()))
	o.SetLabels(withoutKarmadas(o.GetLabels()))
	delete(o.Object, "status")
	managers := slices.DeleteFunc(o.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager != "kubectl-fleet" && m.Manager != someone
	})
	for i := range managers {
		managers[i].Time = nil
	}
	slices.SortFunc(managers, func(a, b metav1.ManagedFieldsEntry) int { return strings.Compare(a.Manager, b.Manager) })
	o.SetManagedFields(managers)
	text, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// withoutKarmadas are notes without those that Karmada has for itself; nil if that
// is all.
func withoutKarmadas(notes map[string]string) map[string]string {
	maps.DeleteFunc(notes, func(key, _ string) bool { return strings.Contains(key, "karmada.io/") })
	if len(notes) == 0 {
		return nil
	}
	return notes
}

// records is what the cluster remembers: the journal, what is applied, and what
// would be gone back to. Numbers are not, nor are the steps of what is over.
func (l *life) records(t *testing.T, cluster string) string {
	t.Helper()
	secrets, err := l.client(t, cluster).CoreV1().Secrets("state-"+l.name).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]corev1.Secret{}
	for _, s := range secrets.Items {
		parts[s.Name] = s
	}
	record, is := parts["set-"+l.name]
	delete(parts, "set-"+l.name)
	if !is {
		return fmt.Sprintf("no set; other records: %q\n", slices.Sorted(maps.Keys(parts)))
	}
	var journal set.Journal
	if err := json.Unmarshal(record.Data["journal"], &journal); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s, %v, kinds %v in %v, %d passed\n", journal.Phase, journal.Done == journal.Revision, journal.Kinds, journal.Namespaces, len(journal.Passed))
	for _, n := range journal.Passed {
		name := fmt.Sprintf("set-%s.r%d.0", l.name, n)
		text += revision(t, parts[name])
		delete(parts, name)
	}
	return text + fmt.Sprintf("records of nothing: %q\n", slices.Sorted(maps.Keys(parts)))
}

func revision(t *testing.T, part corev1.Secret) string {
	t.Helper()
	if whole := part.Annotations["kubectl-fleet.io/part"]; whole != "0/1" {
		return fmt.Sprintf("the revision is not whole: %q\n", whole)
	}
	unpacker, err := gzip.NewReader(bytes.NewReader(part.Data["part"]))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(unpacker)
	if err != nil {
		t.Fatal(err)
	}
	var r set.Revision
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	// What was being released is found again only by who comes before it is.
	r.Found = slices.DeleteFunc(r.Found, r.IsDropped)
	r.Taken = slices.DeleteFunc(r.Taken, func(o *unstructured.Unstructured) bool { return r.IsDropped(set.RefOf(o)) })
	text, err := yaml.Marshal(map[string]any{"objects": r.Objects, "found": append([]set.Ref{}, r.Found...), "taken": append([]*unstructured.Unstructured{}, r.Taken...), "restores": r.Restores != nil})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
