package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// kindsOfSets are those of propagated applications.
func kindsOfSets() map[string]any {
	meta := func(kind, name string) (metav1.TypeMeta, metav1.ObjectMeta) {
		return metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: kind},
			metav1.ObjectMeta{Name: name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}}
	}
	const image = "registry.example/web:2"
	field := v1alpha1.Difference{Path: "spec.replicas", Reference: "2", Value: "3", Order: true}
	propagation := &v1alpha1.Propagation{
		Via: "karmada=hub", Revision: 7, Restores: new(5), Wave: 2, DryRun: "server", Phase: v1alpha1.PropagationFailed, Health: "current 2/3", Message: "out of time",
		Replicas:   []v1alpha1.ReplicaShare{{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", Replicas: 3, Total: 5, Tied: true}},
		Overrides:  1,
		Overridden: []v1alpha1.OverriddenField{{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", Field: "/spec/paused", Value: true}},
		Changes: []v1alpha1.ObjectChange{{
			Action: "Update", APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", Untried: true, Why: "it is new", Differences: []v1alpha1.Difference{field},
		}},
	}
	propagation.TypeMeta, propagation.ObjectMeta = meta(v1alpha1.PropagationKind, "shop")
	status := &v1alpha1.SetStatus{
		Revision: 7, Restores: new(5), Pending: 8, Phase: v1alpha1.PropagationFailed, By: "jane@laptop", Started: "2026-11-20T12:00:00Z", Kept: []int{5, 6}, Objects: 3, Current: 2,
		Waiting: []string{"Deployment shop/web: 2 of 3"}, ReadyReplicas: 2, Replicas: 3, DriftUnknown: "no revision is kept", Left: []string{"ConfigMap shop/old"},
		Drifted: []v1alpha1.DriftedObject{{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", Gone: true, Differences: []v1alpha1.Difference{field}}},
	}
	status.TypeMeta, status.ObjectMeta = meta(v1alpha1.SetStatusKind, "shop")
	used := &v1alpha1.UsedImage{Clusters: []string{"east", "west"}}
	used.TypeMeta, used.ObjectMeta = meta(v1alpha1.UsedImageKind, image)
	return map[string]any{v1alpha1.PropagationKind: propagation, v1alpha1.SetStatusKind: status, v1alpha1.UsedImageKind: used}
}

// Every kind of the package has a value in kinds: what it is written as is a contract.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	have := kinds()
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, is := n.(*ast.ValueSpec)
			if !is || len(spec.Values) != 1 || !strings.HasSuffix(spec.Names[0].Name, "Kind") {
				return true
			}
			if value, is := spec.Values[0].(*ast.BasicLit); is {
				found++
				if kind, err := strconv.Unquote(value.Value); err != nil || have[kind] == nil {
					t.Errorf("%s: kinds has no value of %s", name, value.Value)
				}
			}
			return true
		})
	}
	if found == 0 {
		t.Error("found no kind")
	}
}
