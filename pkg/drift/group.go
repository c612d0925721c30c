package drift

import (
	"cmp"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Copy is one cluster's copy of the object, as Normal made it.
type Copy struct {
	Cluster string
	Object  map[string]any
}

// Groups puts the clusters together that agree. The largest group is the
// reference, by name of its first cluster where several are; the others say
// what they differ in. Clusters without the object are a group of their own, and
// the last.
func Groups(copies []Copy, absent []string) []v1alpha1.ComparisonGroup {
	type group struct {
		clusters []string
		object   map[string]any
	}
	byContent := map[string]*group{}
	var groups []*group
	for _, c := range copies {
		content := encoded(c.Object)
		g := byContent[content]
		if g == nil {
			g = &group{object: c.Object}
			byContent[content] = g
			groups = append(groups, g)
		}
		g.clusters = append(g.clusters, c.Cluster)
	}
	for _, g := range groups {
		slices.Sort(g.clusters)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(b.clusters), len(a.clusters)), cmp.Compare(a.clusters[0], b.clusters[0]))
	})
	var result []v1alpha1.ComparisonGroup
	for i, g := range groups {
		compared := v1alpha1.ComparisonGroup{Clusters: g.clusters, Reference: i == 0}
		if i > 0 {
			compared.Differences = Fields(groups[0].object, g.object)
		}
		result = append(result, compared)
	}
	if len(absent) > 0 {
		result = append(result, v1alpha1.ComparisonGroup{Clusters: slices.Sorted(slices.Values(absent)), Absent: true})
	}
	return result
}
