package restore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// wavesOf gives each member of a set its turn, from 1: after all that it depends on.
func wavesOf(e *v1alpha1.BackupExecution) (map[string]int, error) {
	there := map[string]bool{}
	for _, m := range e.Status.Members {
		there[m.Cluster] = m.Missing == ""
	}
	turns := map[string]int{}
	var visit func(cluster string, way []string) (int, error)
	visit = func(cluster string, way []string) (int, error) {
		if i := slices.Index(way, cluster); i >= 0 {
			return 0, fmt.Errorf("dependsOn goes round in a circle: %s", strings.Join(append(slices.Clone(way[i:]), cluster), " -> "))
		}
		if turn := turns[cluster]; turn > 0 {
			return turn, nil
		}
		turn := 1
		if policy := policyOf(e, cluster); policy != nil {
			for _, on := range policy.DependsOn {
				if _, is := there[on]; !is {
					return 0, fmt.Errorf("%s depends on %s, which is no member of the set", cluster, on)
				}
				before, err := visit(on, append(slices.Clone(way), cluster))
				if err != nil {
					return 0, err
				}
				if there[on] {
					turn = max(turn, before+1)
				}
			}
		}
		turns[cluster] = turn
		return turn, nil
	}
	for _, m := range e.Status.Members {
		if _, err := visit(m.Cluster, nil); err != nil {
			return nil, err
		}
	}
	return turns, nil
}
