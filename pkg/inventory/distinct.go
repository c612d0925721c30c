package inventory

// Duplicate is an entry that Distinct dropped.
type Duplicate struct {
	Dropped Cluster
	// Kept is the entry of the same cluster that remains.
	Kept Cluster
}

// Distinct keeps the first entry of every cluster that appears under more than
// one name, in the order given, and reports the others. It decides offline, by
// Identity; entries without one are all kept.
func Distinct(cs []Cluster) (kept []Cluster, dropped []Duplicate) {
	first := make(map[string]Cluster, len(cs))
	for _, c := range cs {
		if c.Identity != "" {
			if same, seen := first[c.Identity]; seen {
				dropped = append(dropped, Duplicate{Dropped: c, Kept: same})
				continue
			}
			first[c.Identity] = c
		}
		kept = append(kept, c)
	}
	return kept, dropped
}

// PossiblySame groups the clusters that share an address although they may be
// several behind it. Groups of one are left out.
func PossiblySame(cs []Cluster) [][]Cluster {
	var order []string
	groups := map[string][]Cluster{}
	for _, c := range cs {
		if c.Ambiguous == "" {
			continue
		}
		if _, seen := groups[c.Ambiguous]; !seen {
			order = append(order, c.Ambiguous)
		}
		groups[c.Ambiguous] = append(groups[c.Ambiguous], c)
	}
	var several [][]Cluster
	for _, key := range order {
		if len(groups[key]) > 1 {
			several = append(several, groups[key])
		}
	}
	return several
}
