package query

import (
	"fmt"
	"iter"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// absence is what one cluster was asked for and does not have. It is no
// failure: what it means is decided over all clusters.
type absence struct {
	// item indexes Request.Items.
	item int
	// name of the missing object; empty if the whole type is missing.
	name string
}

// Absence is something asked for that some or all of the clusters do not have.
type Absence struct {
	// Err says what: a *member.NotInstalledError or a *NotFoundError.
	Err error
	// Clusters are those that answered and do not have it.
	Clusters []string
	// Everywhere: no cluster that answered has it.
	Everywhere bool
}

// NotFoundError is an object asked for by name that is not there.
type NotFoundError struct{ Type, Name string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %q not found", e.Type, e.Name) }

// NoFieldError is a field to sort by that no object has, as in kubectl: the
// order would be none, and with a limit the choice arbitrary.
type NoFieldError struct{ Field string }

func (e *NoFieldError) Error() string { return fmt.Sprintf("no object has %s to sort by", e.Field) }

// noField is the absence of a field to sort by, if none of some keys is there.
func noField(r Request, f Fleet, keys iter.Seq[sortKey]) (absent []Absence) {
	some := false
	for key := range keys {
		if key.class != keyMissing {
			return nil
		}
		some = true
	}
	if !some {
		return nil
	}
	missing := Absence{Err: &NoFieldError{Field: r.SortBy}, Everywhere: true}
	for _, c := range f.Clusters {
		missing.Clusters = append(missing.Clusters, c.Name)
	}
	return []Absence{missing}
}

// answered is what one cluster that did not fail has not.
type answered struct {
	cluster inventory.Cluster
	missing []absence
}

func (a answered) lacksType(item int) bool { return a.lacks(absence{item: item}) }

func (a answered) lacks(what absence) bool {
	return slices.Contains(a.missing, what)
}

// absences sums up over the clusters that answered what is missing where. A
// cluster that failed says nothing of what it has.
func absences(r Request, clusters []answered) []Absence {
	var found []Absence
	add := func(err error, lacking func(answered) bool) (everywhere bool) {
		absent := Absence{Err: err}
		for _, c := range clusters {
			if lacking(c) {
				absent.Clusters = append(absent.Clusters, c.cluster.Name)
			}
		}
		if len(absent.Clusters) == 0 {
			return false
		}
		absent.Everywhere = len(absent.Clusters) == len(clusters)
		found = append(found, absent)
		return absent.Everywhere
	}
	for i, item := range r.Items {
		noType := func(c answered) bool { return c.lacksType(i) }
		if add(&member.NotInstalledError{Type: item.Type}, noType) {
			continue // nowhere: its objects need no mention
		}
		for _, name := range item.Names {
			add(&NotFoundError{Type: item.Type, Name: name}, func(c answered) bool {
				return c.lacksType(i) || c.lacks(absence{item: i, name: name})
			})
		}
	}
	return found
}
