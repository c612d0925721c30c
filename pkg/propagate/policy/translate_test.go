package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What a hub is given for what was written.
func TestTranslate(t *testing.T) {
	inputs, err := filepath.Glob("testdata/translate/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatal(inputs, err)
	}
	for _, input := range inputs {
		text, err := os.ReadFile(input)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := split(t, string(text))
		for _, h := range s.Hardware() {
			if err := h.Narrow([]string{"cluster-prod"}); err != nil {
				t.Fatal(err)
			}
		}
		objects, err := s.Objects()
		if err != nil {
			t.Fatal(err)
		}
		var documents []string
		for _, o := range objects {
			data, err := yaml.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, string(data))
		}
		got, golden := strings.Join(documents, "---\n"), strings.TrimSuffix(input, ".in.yaml")+".out.yaml"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s:\n%s", input, diff)
		}
		// What comes out is what Karmada's own kinds would mean here.
		if _, _, err := policy.Split(parse(t, got)); err != nil {
			t.Errorf("%s: %v", golden, err)
		}
	}
}

func TestScope(t *testing.T) {
	for kind, want := range map[string][2]bool{
		"policy.karmada.io PropagationPolicy": {true, true}, "policy.karmada.io ClusterOverridePolicy": {false, true},
		"policy.kurator.dev DistributionPolicy": {true, true}, "apps.kurator.dev OverridePolicy": {true, true},
		"apps Deployment": {}, "apps.kurator.dev Application": {},
	} {
		group, name, _ := strings.Cut(kind, " ")
		if namespaced, known := policy.Scope(schema.GroupVersionKind{Group: group, Version: "v1alpha1", Kind: name}); [2]bool{namespaced, known} != want {
			t.Errorf("%s: %v %v", kind, namespaced, known)
		}
	}
}
