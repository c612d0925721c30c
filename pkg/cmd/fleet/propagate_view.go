package fleet

import (
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// planView is plans as they are shown.
type planView struct {
	set, via, dryRun string
	clusters         []inventory.Cluster
	plans            map[string]*direct.Plan
	// arrivals are what a hub changes of objects in each cluster.
	arrivals map[string][]v1alpha1.ObjectChange
	rendered render.Result
	// waves are the turns that the clusters have.
	waves []fanout.Wave
}

// planned is what would be done, and what was found as it should be.
func (v planView) planned() []v1alpha1.Propagation {
	list := make([]v1alpha1.Propagation, len(v.clusters))
	for i, c := range v.clusters {
		list[i] = v.of(c.Name)
		list[i].Phase = v1alpha1.PropagationPlanned
		if v.plans[c.Name].Idle() {
			list[i].Phase = v1alpha1.PropagationUnchanged
		}
	}
	return list
}

// after is what a run came to.
func (v planView) after(results fanout.Results[propagate.Outcome]) []v1alpha1.Propagation {
	list := v.planned()
	for i, r := range results {
		p := &list[i]
		p.Phase, p.Revision, p.Restores, p.Left = r.Value.Phase, r.Value.Revision, r.Value.Restores, r.Value.Left
		if back := r.Value.Back; back != nil { // what had been planned is not there
			p.Changes, p.Replicas, p.Overrides, p.Overridden = changesOf(back), nil, 0, nil
		}
		if r.Value.Health.Total > 0 {
			p.Health = r.Value.Health.String()
		}
		if r.Err != nil {
			p.Message = r.Err.Error()
		}
	}
	return list
}

// of is the plan of one cluster as data.
func (v planView) of(cluster string) v1alpha1.Propagation {
	plan := v.plans[cluster]
	p := v1alpha1.Propagation{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PropagationKind},
		ObjectMeta: metav1.ObjectMeta{Name: v.set, Annotations: map[string]string{v1alpha1.ClusterAnnotation: cluster}},
		Via:        v.via, Revision: plan.Revision(), Restores: plan.Restored(), DryRun: v.dryRun, Changes: append(changesOf(plan), v.arrivals[cluster]...),
	}
	if len(v.waves) > 1 {
		at := slices.IndexFunc(v.waves, func(w fanout.Wave) bool { return slices.Contains(names(w.Clusters), cluster) })
		p.Wave = 1 + at
		if at >= 0 {
			p.EmptyWaves = v.waves[at].Empty
		}
	}
	v.shares(&p, cluster)
	return p
}

// changesOf are the changes of a plan as data.
func changesOf(plan *direct.Plan) []v1alpha1.ObjectChange {
	changes := make([]v1alpha1.ObjectChange, len(plan.Changes))
	for i, c := range plan.Changes {
		changes[i] = v1alpha1.ObjectChange{
			Action: string(c.Action), APIVersion: c.Object.GetAPIVersion(), Kind: c.Object.GetKind(), Namespace: c.Object.GetNamespace(), Name: c.Object.GetName(),
			Untried: c.Untried, Why: c.Why, Differences: c.Fields,
		}
	}
	return changes
}

// show is the plan as a person sees it before the question.
func (v planView) show(w io.Writer, options printers.TableOptions) error {
	objects := 0
	for _, p := range v.plans {
		objects = max(objects, len(p.Changes))
	}
	head := fmt.Sprintf("plan %s: %d objects to %s, %s", v.set, objects, clusters(len(v.clusters)), v.via)
	if _, err := fmt.Fprintln(w, printers.Escape(head)); err != nil {
		return err
	}
	if err := printers.Table(w, changesTable(v.planned(), options.Wide), options); err != nil {
		return err
	}
	for _, wave := range v.waveTexts() {
		if _, err := fmt.Fprintln(w, printers.Escape(wave)); err != nil {
			return err
		}
	}
	return nil
}

// waveTexts say which clusters have their turn when, if not all at once.
func (v planView) waveTexts() []string {
	if len(v.waves) < 2 {
		return nil
	}
	texts := make([]string, len(v.waves))
	for i, wave := range v.waves {
		texts[i] = waveText(i+1, len(v.waves), wave)
		if len(wave.Empty) > 0 {
			texts[i] += "; no wave of its own is " + strings.Join(wave.Empty, ", ") + ": as many have had their turn by then"
		}
	}
	return texts
}

// print prints the result: of a table, what was planned if nothing was done, else
// what became of it.
func (o *propagateOptions) print(list []v1alpha1.Propagation, failures []fanout.Failure) error {
	if o.output.Format.IsTable() {
		table := o.output.Table()
		if o.mutation.DryRun != "" {
			return printers.Table(o.env.Out, changesTable(list, table.Wide), table)
		}
		return printers.Table(o.env.Out, outcomeTable(list), table)
	}
	items := make([]metav1.Object, len(list))
	for i := range list {
		items[i] = &list[i]
	}
	return cli.PrintItems(o.env, o.output, items, failures)
}

// changesTable puts the clusters together in which the same happens, and has a
// row for each object and each field that changes.
func changesTable(list []v1alpha1.Propagation, wide bool) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Clusters", "Action", "Object", "Field", "Before", "After")}
	type group struct {
		key      string
		clusters []string
		rows     [][]any
	}
	var groups []*group
	for _, p := range list {
		rows := changeRows(p, wide)
		key := fmt.Sprintf("%q", rows)
		i := slices.IndexFunc(groups, func(g *group) bool { return g.key == key })
		if i < 0 {
			groups = append(groups, &group{key: key, rows: rows})
			i = len(groups) - 1
		}
		groups[i].clusters = append(groups[i].clusters, p.Annotations[v1alpha1.ClusterAnnotation])
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return len(b.clusters) - len(a.clusters) })
	for _, g := range groups {
		who := strings.Join(g.clusters, ",")
		if len(g.clusters) > 8 {
			who = clusters(len(g.clusters))
		}
		for _, row := range g.rows {
			table.Rows = append(table.Rows, metav1.TableRow{Cells: append([]any{who}, row...)})
		}
	}
	return table
}

// changeRows are the rows of one cluster. What is as it should be is one row.
func changeRows(p v1alpha1.Propagation, wide bool) [][]any {
	var rows [][]any
	unchanged := 0
	for _, c := range p.Changes {
		if c.Action == string(direct.ActionUnchanged) {
			unchanged++
			continue
		}
		first := []any{strings.ToLower(c.Action), objectName(c.Kind, c.Namespace, c.Name), c.Why, "", ""}
		for i, d := range c.Differences {
			before, after := shownValues(d, wide)
			if i > 0 {
				first = []any{"", "", "", "", ""}
			}
			first[2], first[3], first[4] = d.Path, before, after
			rows = append(rows, first)
		}
		if len(c.Differences) == 0 {
			rows = append(rows, first)
		}
	}
	if unchanged > 0 {
		rows = append(rows, []any{"unchanged", objectCount(unchanged), "", "", ""})
	}
	return append(rows, shareRows(p, wide)...)
}

// objectName is such as "ConfigMap/web -n shop".
func objectName(kind, namespace, name string) string {
	if namespace != "" {
		name += " -n " + namespace
	}
	return kind + "/" + name
}

func objectCount(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

// outcomeTable has a row for each cluster.
func outcomeTable(list []v1alpha1.Propagation) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Set", "Revision", "Phase", "Changes", "Health")}
	for _, p := range list {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			p.Annotations[v1alpha1.ClusterAnnotation], p.Name, revisionText(p.Revision, p.Restores), p.Phase, changeCounts(p), printers.OrNone(p.Health),
		}})
	}
	return table
}

// changeCounts is such as "create 2, update 1".
func changeCounts(p v1alpha1.Propagation) string {
	counts := map[string]int{}
	var order []string
	for _, c := range p.Changes {
		if counts[c.Action] == 0 {
			order = append(order, c.Action)
		}
		counts[c.Action]++
	}
	parts := make([]string, len(order))
	for i, action := range order {
		parts[i] = fmt.Sprintf("%s %d", strings.ToLower(action), counts[action])
	}
	return printers.OrNone(strings.Join(parts, ", "))
}
