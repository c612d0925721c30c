package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func (o *getOptions) printRoster(ctx context.Context, s cli.Selection) error {
	line := s.ShowWaiting(o.env)
	roster, report := query.Roster(ctx, fleetOf(s), o.probing)
	line.Done()
	return o.conclude(report, o.writeRoster(roster, report))
}

func (o *getOptions) writeRoster(roster []v1alpha1.Cluster, report query.Report) error {
	if o.output.Format.IsTable() {
		return printers.Table(o.env.Out, rosterTable(roster, o.probing.Usage, time.Now()), o.output.Table())
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	for i := range roster {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&roster[i])
		if err != nil {
			return err
		}
		if err := printer.Print(roster[i].Name, &unstructured.Unstructured{Object: data}); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(report.Failures))
}

// unlearned stands for what a cluster that does not answer cannot tell.
const unlearned = "-"

// none stands for what there is none of, as in kubectl.
const none = "<none>"

func rosterTable(roster []v1alpha1.Cluster, usage bool, now time.Time) *metav1.Table {
	type column struct {
		name string
		wide bool
		cell func(v1alpha1.Cluster) string
	}
	columns := []column{
		{"Name", false, func(c v1alpha1.Cluster) string { return c.Name }},
		{"Status", false, func(c v1alpha1.Cluster) string { return c.Status.Phase }},
		{"Version", false, func(c v1alpha1.Cluster) string {
			return known(c, v1alpha1.FieldVersion, c.Status.Version != "", c.Status.Version)
		}},
		{"Nodes", false, func(c v1alpha1.Cluster) string {
			n := c.Status.Nodes
			if n == nil {
				return known(c, v1alpha1.FieldNodes, false, "")
			}
			return fmt.Sprintf("%d/%d", n.Ready, n.Total)
		}},
		{"Pods", false, func(c v1alpha1.Cluster) string {
			return number(c, v1alpha1.FieldPods, c.Status.Pods, "")
		}},
		{"Latency", false, func(c v1alpha1.Cluster) string {
			return number(c, v1alpha1.FieldLatency, c.Status.LatencyMilliseconds, "ms")
		}},
	}
	if usage {
		columns = append(columns,
			column{"CPU", false, func(c v1alpha1.Cluster) string {
				return share(c, func(u *v1alpha1.Usage) v1alpha1.Share { return u.CPU })
			}},
			column{"Memory", false, func(c v1alpha1.Cluster) string {
				return share(c, func(u *v1alpha1.Usage) v1alpha1.Share { return u.Memory })
			}},
		)
	}
	columns = append(columns,
		column{"Age", false, func(c v1alpha1.Cluster) string {
			created := c.CreationTimestamp
			return known(c, v1alpha1.FieldUID, !created.IsZero(), duration.HumanDuration(now.Sub(created.Time)))
		}},
		column{"Provider", true, func(c v1alpha1.Cluster) string { return strings.Join(inventories(c), ",") }},
		column{"Claimed", true, claims},
		column{"Context", true, func(c v1alpha1.Cluster) string { return cmp.Or(c.Spec.Context, none) }},
		column{"Server", true, func(c v1alpha1.Cluster) string { return cmp.Or(c.Spec.Server, unlearned) }},
		column{"Failing-Checks", true, func(c v1alpha1.Cluster) string {
			if len(c.Status.FailingChecks) > 0 {
				return strings.Join(c.Status.FailingChecks, ",")
			}
			return known(c, v1alpha1.FieldPhase, c.Status.Phase == query.PhaseReady, none)
		}},
		column{"Serving-Cert", true, func(c v1alpha1.Cluster) string {
			return expiry(c, v1alpha1.FieldVersion, c.Status.ServingCertificateExpires, now)
		}},
		column{"Client-Cert", true, func(c v1alpha1.Cluster) string {
			return expiry(c, v1alpha1.FieldClientCertificate, c.Status.ClientCertificateExpires, now)
		}},
	)

	table := &metav1.Table{}
	for _, c := range columns {
		definition := metav1.TableColumnDefinition{Name: c.name, Type: "string"}
		if c.wide {
			definition.Priority = 1
		}
		table.ColumnDefinitions = append(table.ColumnDefinitions, definition)
	}
	for _, cluster := range roster {
		cells := make([]any, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(cluster)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	return table
}

// inventories are those that list a cluster.
func inventories(c v1alpha1.Cluster) []string {
	list := []string{c.Spec.Inventory}
	for _, l := range c.Spec.Listings {
		if !slices.Contains(list, l.Inventory) {
			list = append(list, l.Inventory)
		}
	}
	return list
}

// claims are what the hubs that list a cluster say of it: not what is so.
func claims(c v1alpha1.Cluster) string {
	var said []string
	for _, l := range c.Spec.Listings {
		if l.Claim != "" {
			said = append(said, l.Claim)
		}
	}
	return cmp.Or(strings.Join(said, ","), none)
}

// known is a cell, or why it is empty.
func known(c v1alpha1.Cluster, field string, learned bool, text string) string {
	switch {
	case learned:
		return text
	case c.Status.Unknown[field] == string(member.ReasonForbidden):
		return "<forbidden>"
	}
	return unlearned
}

func number(c v1alpha1.Cluster, field string, value *int64, unit string) string {
	if value == nil {
		return known(c, field, false, "")
	}
	if *value == 0 && unit != "" {
		return "<1" + unit
	}
	return fmt.Sprintf("%d%s", *value, unit)
}

func expiry(c v1alpha1.Cluster, field string, at *metav1.Time, now time.Time) string {
	if at == nil {
		return known(c, field, false, "")
	}
	if left := at.Sub(now); left > 0 {
		return duration.HumanDuration(left)
	}
	return "expired"
}

// share shows how much is requested of what, such as "120/336 (35%)".
func share(c v1alpha1.Cluster, of func(*v1alpha1.Usage) v1alpha1.Share) string {
	if c.Status.Usage == nil {
		return known(c, v1alpha1.FieldUsage, false, "")
	}
	s := of(c.Status.Usage)
	requested, err := resource.ParseQuantity(s.Requested)
	if err != nil {
		return unlearned
	}
	allocatable, err := resource.ParseQuantity(s.Allocatable)
	if err != nil {
		return unlearned
	}
	percent := "-"
	if total := allocatable.AsApproximateFloat64(); total > 0 {
		percent = fmt.Sprintf("%.0f%%", 100*requested.AsApproximateFloat64()/total)
	}
	return fmt.Sprintf("%s/%s (%s)", s.Requested, s.Allocatable, percent)
}
