package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// tense is how the verbs of a table of changes stand.
type tense int

const (
	planned tense = iota // join
	done                 // joined
	dry                  // join (dry run)
)

func (t tense) verb(change string) string {
	past := map[string]string{
		v1alpha1.MemberJoins: "joined", v1alpha1.MemberUpdated: "updated", v1alpha1.MemberLeaves: "unjoined",
	}
	present := strings.ToLower(change)
	switch {
	case change == v1alpha1.MemberUnchanged || t == planned:
		return present
	case t == dry:
		return present + " (dry run)"
	}
	return cmp.Or(past[change], present)
}

// changeTable has a row for each member. What is different about one that was a
// member before has a column of its own.
func changeTable(changes []v1alpha1.MemberChange, t tense) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Member", "Change", "Context", "Server", "Labels", "Difference", "UID")}
	table.ColumnDefinitions[6].Priority = 1
	updates := false
	for i := range changes {
		c := &changes[i]
		shown := cmp.Or(c.After, c.Before)
		difference := differences(c.Before, c.After)
		updates = updates || difference != ""
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			c.Name, t.verb(c.Change), shown.Context, printers.OrNone(shown.Server), printers.OrNone(labels.FormatLabels(shown.Labels)), printers.OrNone(difference), printers.OrNone(shown.ClusterUID),
		}})
	}
	if !updates {
		table.ColumnDefinitions = slices.Delete(table.ColumnDefinitions, 5, 6)
		for i := range table.Rows {
			table.Rows[i].Cells = slices.Delete(table.Rows[i].Cells, 5, 6)
		}
	}
	return table
}

// differences tells what an update changes, such as "env: dev -> prod".
func differences(before, after *v1alpha1.Member) string {
	if before == nil || after == nil {
		return ""
	}
	var found []string
	compare := func(what, was, is string) {
		if was != is {
			found = append(found, what+": "+printers.OrNone(was)+" -> "+printers.OrNone(is))
		}
	}
	compare("name", before.Name, after.Name)
	both := maps.Clone(before.Labels)
	if both == nil {
		both = map[string]string{}
	}
	maps.Copy(both, after.Labels)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		compare(key, before.Labels[key], after.Labels[key])
	}
	compare("server", before.Server, after.Server)
	compare("UID", before.ClusterUID, after.ClusterUID)
	return strings.Join(found, ", ")
}
