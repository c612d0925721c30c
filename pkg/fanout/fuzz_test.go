package fanout_test

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Whatever --waves says: each cluster has one turn, and no wave is empty.
func FuzzWaves(f *testing.F) {
	for _, text := range []string{"canary=1,25%,100%", "env=dev", "eu-*,1", "a!=b", "99999999999999999999", "-1", "1,1", "100%,1", "=1", "[", "x in (a)"} {
		f.Add(text)
	}
	clusters := []inventory.Cluster{{Name: "eu-1", Labels: map[string]string{"env": "dev"}}, {Name: "eu-2"}, {Name: "us"}, {Name: "ap"}}
	f.Fuzz(func(t *testing.T, text string) {
		steps, err := fanout.ParseWaves(text)
		if err != nil {
			return
		}
		waves, err := fanout.Waves(clusters, steps)
		if err != nil {
			return
		}
		turns := map[string]int{}
		for _, w := range waves {
			if len(w.Clusters) == 0 {
				t.Errorf("%q: an empty wave %q", text, w.Name)
			}
			for _, c := range w.Clusters {
				turns[c.Name]++
			}
		}
		for _, c := range clusters {
			if turns[c.Name] != 1 {
				t.Errorf("%q: %s has %d turns", text, c.Name, turns[c.Name])
			}
		}
	})
}
