package inventory

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
)

// Merge makes one listing of those of several inventories. A cluster that
// several of them list is one entry, so that a name or label of any of them
// selects it, and excludes it: it is reached as the first inventory says, its
// other names become aliases, and labels are united, the first one's word
// counting. Entries of one inventory are left to Distinct.
//
// A name that would mean two clusters means none: both get a hash. Aliases that
// mean another cluster are dropped.
func Merge(listings ...[]Cluster) []Cluster {
	var merged []Cluster
	for _, listing := range listings {
		before := len(merged)
		for _, c := range listing {
			known := false
			for i := range merged[:before] {
				if same(merged[i], c) {
					merged[i].absorb(c)
					known = true
				}
			}
			if !known {
				merged = append(merged, c)
			}
		}
	}
	tellApart(merged)
	return merged
}

// same is certain, or false: one address and CA, and no two UIDs on record.
func same(a, b Cluster) bool {
	return a.Identity != "" && a.Identity == b.Identity && (a.UID == "" || b.UID == "" || a.UID == b.UID)
}

func (c *Cluster) absorb(other Cluster) {
	c.Aliases = append(slices.Clone(c.Aliases), other.Name)
	c.Listings = append(slices.Clone(c.Listings), other.Listings...)
	if len(other.Listings) == 0 {
		c.Listings = append(c.Listings, Listing{Inventory: other.Provider, Object: "context " + other.Context})
	}
	union := labels.Set{}
	maps.Copy(union, other.Labels)
	maps.Copy(union, c.Labels)
	c.Labels = union
	if c.Context == "" {
		c.Context = other.Context
	}
	if c.UID == "" {
		c.UID = other.UID
	}
}

// tellApart gives a name of their own to entries that share one.
func tellApart(cs []Cluster) {
	users := map[string]int{}
	for _, c := range cs {
		users[c.Name]++
	}
	for i := range cs {
		c := &cs[i]
		if users[c.Name] > 1 {
			c.Name = withHash(c.Name, c.Provider+" "+c.Name+" "+c.Context)
		}
		c.Aliases = slices.DeleteFunc(slices.Clone(c.Aliases), func(alias string) bool {
			return alias == c.Name || users[alias] > 0
		})
	}
}
