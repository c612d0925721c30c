package inventory

import (
	"sort"
	"strings"
)

// similarNames returns at most three names that the user may have meant.
func similarNames(typed string, cs []Cluster) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, c := range cs {
		for _, name := range []string{c.Name, c.Context} {
			d := editDistance(strings.ToLower(typed), strings.ToLower(name))
			near := d <= 1+len(typed)/4
			if name != "" && (near || strings.Contains(name, typed)) {
				found = append(found, candidate{name, d})
				break // one name a cluster is enough of a hint
			}
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		a, b := found[i], found[j]
		return a.distance < b.distance || a.distance == b.distance && a.name < b.name
	})
	names := make([]string, 0, 3)
	for _, c := range found[:min(3, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// editDistance is the Levenshtein distance: insertions, deletions and
// substitutions, each costing one.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
