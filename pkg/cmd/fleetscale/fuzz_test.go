package fleetscale

import (
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
)

// A file of plans that is taken has plans as they were printed, each of a cluster of
// its own.
func FuzzPlanFile(f *testing.F) {
	f.Add("kind: List\nitems: [{kind: ScalePlan, apiVersion: kubectl-fleet.io/v1alpha1, metadata: {name: east}, hash: x}]\n")
	f.Add("kind: List\nitems: [null]\n")
	f.Add(`{"kind":"List","items":[{"kind":"ScalePlan","apiVersion":"kubectl-fleet.io/v1alpha1"}]}`)
	f.Add("a: &a [*a, *a]")
	f.Fuzz(func(t *testing.T, text string) {
		plans, err := readPlans(&cli.Env{In: strings.NewReader(text)}, "-")
		if err != nil {
			return
		}
		for name, p := range plans {
			if p.Name != name || p.Hash != scale.HashOf(p) {
				t.Errorf("a plan of %q for %q, %s", p.Name, name, p.Hash)
			}
		}
	})
}
