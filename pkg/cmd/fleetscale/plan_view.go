package fleetscale

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/simulate"
)

// showPlans shows plans as a person reads them: what can go, how, and what cannot.
func showPlans(w io.Writer, plans []*v1alpha1.ScalePlan, options printers.TableOptions) error {
	for _, p := range plans {
		if _, err := fmt.Fprintln(w, printers.Escape(headline(p))); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(plans, func(p *v1alpha1.ScalePlan) bool { return len(p.Nodes) > 0 }) {
		if err := printers.Table(w, planTable(plans), options); err != nil {
			return err
		}
	}
	for _, line := range remarks(plans, options.Wide) {
		if _, err := fmt.Fprintln(w, printers.Escape(line)); err != nil {
			return err
		}
	}
	return nil
}

// headline is such as "east: 42 workers, healthy. 3 would go, 5 could, and no more: …".
func headline(p *v1alpha1.ScalePlan) string {
	text := fmt.Sprintf("%s: %d workers, healthy.", p.Name, p.Workers)
	if len(p.Unhealthy) > 0 {
		text = fmt.Sprintf("%s: %d workers, not healthy: %s.", p.Name, p.Workers, strings.Join(p.Unhealthy, "; "))
	}
	return text + " " + extent(len(p.Nodes), p.Most, p.Limit)
}

// extent says how many nodes go by a plan, how many could, and what keeps the next. Most is
// negative where that was not looked for.
func extent(going, most int, limit string) string {
	count := func(n int) string {
		if n == 0 {
			return "none"
		}
		return fmt.Sprint(n)
	}
	text := count(going) + " can go"
	switch {
	case going < most:
		text = fmt.Sprintf("%s would go, %d could", count(going), most)
	case most < 0 || limit == "":
		return text
	}
	switch {
	case limit == scale.Untried:
		return text + "; " + limit
	case most == 0:
		return text + ": " + limit
	}
	return text + ", and no more: " + limit
}

func planTable(plans []*v1alpha1.ScalePlan) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Wave", "Node", "Why", "Pods", "Moves to", "Budgets", "Removed by", "ETA")}
	for _, p := range plans {
		for i := range p.Nodes {
			n := &p.Nodes[i]
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
				p.Name, n.Wave, n.Name, why(n), len(n.Pods), destinations(n), budgets(p, n), removedBy(p, n), duration.HumanDuration(time.Duration(n.ETASeconds) * time.Second),
			}})
		}
	}
	return table
}

func why(n *v1alpha1.LeavingNode) string {
	if n.Fit == "Tight" {
		return n.Why + ", tight"
	}
	return n.Why
}

func destinations(n *v1alpha1.LeavingNode) string {
	to := map[string]bool{}
	one := ""
	for _, p := range n.Pods {
		if p.To != "" {
			to[p.To] = true
			one = p.To
		}
	}
	switch len(to) {
	case 0:
		return printers.None
	case 1:
		return one
	}
	return nodeCount(len(to))
}

// budgets are those that the pods of a node are under, and what they allow, such as
// "shop/web 2 of 4 allowed".
func budgets(p *v1alpha1.ScalePlan, n *v1alpha1.LeavingNode) string {
	need := map[string]int{}
	var order []string
	for _, pod := range n.Pods {
		if pod.Budget == "" {
			continue
		}
		key := pod.Namespace + "/" + pod.Budget
		if need[key] == 0 {
			order = append(order, key)
		}
		need[key]++
	}
	slices.Sort(order)
	for i, key := range order {
		order[i] = fmt.Sprintf("%s %d", key, need[key])
		for _, b := range p.Budgets {
			if b.Namespace+"/"+b.Name != key {
				continue
			}
			switch {
			case need[key] > b.Allowed:
				order[i] = fmt.Sprintf("%s %d, waits for %d", key, need[key], need[key]-b.Allowed)
			case n.Wave == 1:
				order[i] = fmt.Sprintf("%s %d of %d allowed", key, need[key], b.Allowed)
			}
		}
	}
	if len(order) == 0 {
		return printers.None
	}
	return strings.Join(order, ", ")
}

func removedBy(p *v1alpha1.ScalePlan, n *v1alpha1.LeavingNode) string {
	switch {
	case p.KeepNodes:
		return "kept"
	case n.Owner.Kind == "Node":
		return "Node"
	}
	return n.Owner.Kind + "/" + n.Owner.Name
}

// shown is how many of each remark are shown unless -o wide asks for all.
const shown = 5

// remarks are what cannot leave, and why, and what is not known.
func remarks(plans []*v1alpha1.ScalePlan, wide bool) []string {
	var lines []string
	add := func(cluster, head string, texts []string) {
		if len(plans) > 1 {
			head = cluster + ": " + head
		}
		if more := len(texts) - shown; more > 0 && !wide {
			texts = append(slices.Clone(texts[:shown]), fmt.Sprintf("and %d more: -o wide", more))
		}
		for _, text := range texts {
			lines = append(lines, head+" "+text)
		}
	}
	for _, p := range plans {
		passed := map[string][]string{}
		var order []string
		for _, n := range p.Passed {
			text := n.Why
			if n.Fix != "" {
				text += ": " + n.Fix
			}
			if passed[text] == nil {
				order = append(order, text)
			}
			passed[text] = append(passed[text], n.Name)
		}
		for i, reason := range order {
			order[i] = some(passed[reason], wide) + ": " + reason
		}
		add(p.Name, "not considered:", order)
		blocked := map[string][]string{}
		var reasons []string
		for _, n := range p.Blocked {
			_, text, _ := strings.Cut(scale.Sentence(n), ": ")
			if fix := n.Blockers[0].Fix; fix != "" {
				text += ": " + fix
			}
			if blocked[text] == nil {
				reasons = append(reasons, text)
			}
			blocked[text] = append(blocked[text], n.Name)
		}
		for i, text := range reasons {
			reasons[i] = some(blocked[text], wide) + ": " + text
		}
		add(p.Name, "blocked:", reasons)
		if len(p.NotModelled) > 0 && (wide || len(p.Nodes) > 0) {
			add(p.Name, "not modelled:", p.NotModelled)
		}
	}
	return lines
}

// unforeseen is what of the clusters themselves no plan reckons with, for who does not look
// at the plans.
func unforeseen(plans []*v1alpha1.ScalePlan) []string {
	var texts []string
	for _, p := range plans {
		for _, text := range p.NotModelled {
			if !simulate.IsAlways(text) {
				texts = append(texts, p.Name+": not modelled: "+text)
			}
		}
	}
	return texts
}

// some are names, the first few of them unless all are asked for.
func some(names []string, all bool) string {
	if more := len(names) - shown; more > 0 && !all {
		names = append(slices.Clone(names[:shown]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
