package fleet_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// What our overrides make of an object is what Karmada's make of it: its Works
// have what it would bring to each cluster.
func (l *karmadaLab) testOverrides(t *testing.T) {
	t.Parallel()
	const file, namespace = "testdata/overrides.yaml", "overridden"
	targets := []policy.Target{{Name: "c1", Region: "eu"}, {Name: "c2", Region: "us"}}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	s, rest, err := policy.Split(objects)
	if err != nil {
		t.Fatal(err)
	}

	l.onHub(t, "create", "ns", namespace).want(t, 0)
	t.Cleanup(func() {
		l.onHub(t, "delete", "-f", file, "--ignore-not-found").want(t, 0)
		l.onHub(t, "delete", "ns", namespace).want(t, 0)
	})
	l.onHub(t, "apply", "-f", file).want(t, 0)

	wanted := map[string]map[string]*unstructured.Unstructured{"c1": {}, "c2": {}} // by cluster, kind and name
	templates := map[string]*unstructured.Unstructured{}
	for _, raw := range decode[json.RawMessage](t, l.onHub(t, "get", "-f", file, "-o", "json").want(t, 0)).Items {
		o := object(t, string(raw))
		templates[o.GetKind()+" "+o.GetName()] = o
	}
	for _, o := range rest {
		template := templates[o.GetKind()+" "+o.GetName()]
		placement, err := s.Place(manifest.Object{Unstructured: template, Origin: o.Origin}, targets)
		if err != nil || len(placement.Targets) != len(targets) {
			t.Errorf("%s: placed %v: %v", o.What(), placement.Targets, err)
		}
		for _, target := range targets {
			want := template.DeepCopy()
			_, err := s.Override(want, target)
			if fails := strings.HasPrefix(o.GetName(), "fails"); fails != (err != nil) {
				t.Errorf("%s in %s: %v", o.What(), target.Name, err)
			}
			if err == nil {
				wanted[target.Name][o.GetKind()+" "+o.GetName()] = want
			}
		}
	}
	for _, target := range targets {
		eventually(t, "Karmada overrides in "+target.Name, func() error {
			works := l.works(t, target.Name, namespace)
			for what, want := range wanted[target.Name] {
				got, is := works[what]
				if !is {
					return fmt.Errorf("there is no Work of %s", what)
				}
				if diff := cmp.Diff(essence(want), essence(got)); diff != "" {
					return fmt.Errorf("%s of us, and of Karmada:\n%s", what, diff)
				}
			}
			return nil
		})
	}
	// The others have come by now, so these would have, too.
	for _, target := range targets {
		for what := range l.works(t, target.Name, namespace) {
			if strings.Contains(what, "fails") {
				t.Errorf("Karmada could override %s in %s", what, target.Name)
			}
		}
	}
}

// works are the objects of a namespace that Karmada keeps for a cluster, by kind and
// name.
func (l *karmadaLab) works(t *testing.T, cluster, namespace string) map[string]*unstructured.Unstructured {
	t.Helper()
	var list struct {
		Items []struct {
			Spec struct {
				Workload struct{ Manifests []json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal([]byte(l.onHub(t, "get", "works", "-n", "karmada-es-"+cluster, "-o", "json").want(t, 0).stdout), &list); err != nil {
		t.Fatal(err)
	}
	works := map[string]*unstructured.Unstructured{}
	for _, work := range list.Items {
		for _, m := range work.Spec.Workload.Manifests {
			o := object(t, string(m))
			if o.GetNamespace() == namespace {
				works[o.GetKind()+" "+o.GetName()] = o
			}
		}
	}
	return works
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var o unstructured.Unstructured
	if err := o.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &o
}

// essence is an object without what servers, and Karmada for itself, add to it.
func essence(o *unstructured.Unstructured) map[string]any {
	o = o.DeepCopy()
	for _, name := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
		unstructured.RemoveNestedField(o.Object, "metadata", name)
	}
	unstructured.RemoveNestedField(o.Object, "status")
	for _, field := range []string{"labels", "annotations"} {
		pairs, _, _ := unstructured.NestedMap(o.Object, "metadata", field)
		for key := range pairs {
			if strings.Contains(key, "karmada.io/") || strings.HasPrefix(key, "kubectl.kubernetes.io/") || strings.HasPrefix(key, "deprecated.daemonset") {
				delete(pairs, key)
			}
		}
		unstructured.RemoveNestedField(o.Object, "metadata", field)
		if len(pairs) > 0 {
			_ = unstructured.SetNestedMap(o.Object, pairs, "metadata", field)
		}
	}
	return o.Object
}
