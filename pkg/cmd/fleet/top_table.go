package fleet

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func (o *topOptions) write(consumers []query.Consumer, report query.Report) error {
	if o.output.Format.IsTable() {
		return o.writeTables(consumers)
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	for i := range consumers {
		object, err := o.object(&consumers[i])
		if err != nil {
			return err
		}
		if err := printer.Print(consumers[i].Cluster, object); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(report.Failures))
}

func (o *topOptions) resource() member.Resource {
	if o.request.Pods {
		return member.Pods()
	}
	return member.Nodes()
}

// object is what a program gets: our own kind, but for -o name, which names the
// node or pod.
func (o *topOptions) object(c *query.Consumer) (*unstructured.Unstructured, error) {
	kind := o.resource()
	if o.output.Format.Name == printers.FormatName {
		object := &unstructured.Unstructured{Object: map[string]any{}}
		object.SetAPIVersion(kind.GroupVersion().String())
		object.SetKind(kind.Kind)
		object.SetName(c.Name)
		return object, nil
	}
	line := &v1alpha1.Consumption{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ConsumptionKind},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, Name: c.Name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: c.Cluster},
		},
		ObjectKind: kind.Kind,
		Usage:      v1alpha1.Capacity{CPU: c.CPU.String(), Memory: c.Memory.String()},
	}
	if c.Allocatable != nil {
		line.Allocatable = &v1alpha1.Capacity{CPU: c.Allocatable.Cpu().String(), Memory: c.Allocatable.Memory().String()}
	}
	data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(line)
	return &unstructured.Unstructured{Object: data}, err
}

// writeTables prints the nodes or pods, and under them the totals: not without
// headers, where nothing would tell one from the other.
func (o *topOptions) writeTables(consumers []query.Consumer) error {
	if len(consumers) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster")}
	if o.request.AllNamespaces {
		table.ColumnDefinitions = append(table.ColumnDefinitions, printers.Columns("Namespace")...)
	}
	table.ColumnDefinitions = append(table.ColumnDefinitions, o.columns("Name")...)
	for i := range consumers {
		c := &consumers[i]
		cells := []any{c.Cluster}
		if o.request.AllNamespaces {
			cells = append(cells, c.Namespace)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: append(append(cells, c.Name), o.amounts(c)...)})
	}
	if err := printers.Table(o.env.Out, table, o.output.Table()); err != nil || o.output.NoHeaders {
		return err
	}
	if _, err := o.env.Out.Write([]byte("\n")); err != nil {
		return err
	}
	return printers.Table(o.env.Out, o.totals(consumers), o.output.Table())
}

func (o *topOptions) columns(first string) []metav1.TableColumnDefinition {
	if o.request.Pods {
		return printers.Columns(first, "CPU(cores)", "Memory(bytes)")
	}
	return printers.Columns(first, "CPU(cores)", "CPU(%)", "Memory(bytes)", "Memory(%)")
}

// amounts are the cells of what is used, in kubectl's units.
func (o *topOptions) amounts(c *query.Consumer) []any {
	const mebibyte = 1 << 20
	cpu, memory := fmt.Sprintf("%dm", c.CPU.MilliValue()), fmt.Sprintf("%dMi", c.Memory.Value()/mebibyte)
	if o.request.Pods {
		return []any{cpu, memory}
	}
	return []any{cpu, percent(c.CPU, c.Allocatable, corev1.ResourceCPU), memory, percent(c.Memory, c.Allocatable, corev1.ResourceMemory)}
}

func percent(used resource.Quantity, allocatable corev1.ResourceList, name corev1.ResourceName) string {
	whole, known := allocatable[name]
	if !known || whole.IsZero() {
		return unlearned
	}
	return fmt.Sprintf("%.0f%%", 100*used.AsApproximateFloat64()/whole.AsApproximateFloat64())
}

// totals has a row for each cluster, in the order of their names.
func (o *topOptions) totals(consumers []query.Consumer) *metav1.Table {
	sums := map[string]*query.Consumer{}
	counts := map[string]int{}
	for i := range consumers {
		c := &consumers[i]
		sum := sums[c.Cluster]
		if sum == nil {
			sum = &query.Consumer{Cluster: c.Cluster, Allocatable: corev1.ResourceList{}}
			sums[c.Cluster] = sum
		}
		counts[c.Cluster]++
		sum.CPU.Add(c.CPU)
		sum.Memory.Add(c.Memory)
		if c.Allocatable == nil { // a share of what is known in part would be no share
			sum.Allocatable = nil
		}
		for name, quantity := range c.Allocatable {
			if sum.Allocatable != nil {
				total := sum.Allocatable[name]
				total.Add(quantity)
				sum.Allocatable[name] = total
			}
		}
	}
	table := &metav1.Table{ColumnDefinitions: append(printers.Columns("Cluster"), o.columns(o.resource().Kind+"s")...)}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: append([]any{name, fmt.Sprint(counts[name])}, o.amounts(sums[name])...)})
	}
	return table
}
