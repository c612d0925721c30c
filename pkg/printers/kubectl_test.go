package printers_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeprinters "k8s.io/cli-runtime/pkg/printers"
	"k8s.io/kubectl/pkg/cmd/get"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// tablesOf reads tables that are printed below one another: a table in a
// paragraph, its columns in the first line, cells between tabs. A column whose
// name ends in + is a wide one.
func tablesOf(text string) []*metav1.Table {
	var tables []*metav1.Table
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		header, rows, _ := strings.Cut(paragraph, "\n")
		table := &metav1.Table{}
		for name := range strings.SplitSeq(header, "\t") {
			column := metav1.TableColumnDefinition{Name: strings.TrimSuffix(name, "+")}
			if column.Name != name {
				column.Priority = 1
			}
			table.ColumnDefinitions = append(table.ColumnDefinitions, column)
		}
		for line := range strings.SplitSeq(rows, "\n") {
			cells := make([]any, len(table.ColumnDefinitions))
			for i, cell := range strings.Split(line, "\t") {
				if i < len(cells) {
					cells[i] = cell
				}
			}
			table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
		}
		tables = append(tables, table)
	}
	return tables
}

// kubectls prints tables as kubectl does.
func kubectls(tables []*metav1.Table, o printers.TableOptions) (string, error) {
	var out bytes.Buffer
	tabs := kubeprinters.GetNewTabWriter(&out)
	printer := kubeprinters.NewTablePrinter(kubeprinters.PrintOptions{NoHeaders: o.NoHeaders, Wide: o.Wide})
	for _, table := range tables {
		if err := printer.PrintObj(table, tabs); err != nil {
			return "", err
		}
		if err := tabs.Flush(); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

func ours(tables []*metav1.Table, o printers.TableOptions) (string, error) {
	var out bytes.Buffer
	printer := printers.NewTablePrinter(&out, o)
	for _, table := range tables {
		if err := printer.Print(table); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// FuzzTableIsKubectls: byte for byte, but for characters that kubectl does not
// escape.
func FuzzTableIsKubectls(f *testing.F) {
	f.Add("Name\tReady\nweb\t1/1\na-long-name\t0/1", false, false)
	f.Add("Name\tIP+\nweb\t10.0.0.1\n\t", true, false)
	f.Add("Name\tAge\nweb\t1d\n\nName\tAge\nlonger-than-that\t1d\n\nName\tReady\tAge\nx\ty\tz", false, false)
	f.Add("Näme\t生産\nünï\t\nx\t生\n\nName\nx", false, true)
	f.Add("A\tB\tC\n\t\t\n\t\tx", false, false)
	f.Fuzz(func(t *testing.T, text string, wide, noHeaders bool) {
		if printers.Escape(text) != text || strings.ContainsRune(text, '\ufffd') {
			t.Skip("escaped, by us")
		}
		o := printers.TableOptions{Wide: wide, NoHeaders: noHeaders}
		want, err := kubectls(tablesOf(text), o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ours(tablesOf(text), o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-kubectl's +ours\n%s", diff)
		}
	})
}

// TestCustomColumnsAreKubectls: what its printer of the name prints, or refuses.
func TestCustomColumnsAreKubectls(t *testing.T) {
	list := &unstructured.UnstructuredList{Items: []unstructured.Unstructured{
		{Object: map[string]any{"metadata": map[string]any{"name": "a", "labels": map[string]any{"x.y/z": "1"}}, "spec": map[string]any{
			"n": int64(1000000), "list": []any{map[string]any{"k": "v"}, map[string]any{"k": true}}, "none": nil,
		}}},
		{Object: map[string]any{"metadata": map[string]any{"name": "much longer"}}},
	}}
	for _, spec := range []string{
		"NAME:.metadata.name", "NAME:metadata.name,N:{.spec.n},L:{spec.list[*].k}", "ALL:.spec", "LABEL:.metadata.labels.x\\.y/z",
		"NONE:.spec.none,MISSING:.a.b", "EMPTY:", ":.metadata.name", "X:.spec.list[?(@.k==true)].k", "MAP:.metadata.labels",
		"", "NAME", "NAME:{.metadata.name", "NAME:{.a}{.b}", "X:.spec.list[", "X:.metadata.name,", "X:.spec.n.deeper",
	} {
		for _, noHeaders := range []bool{false, true} {
			var want bytes.Buffer
			columns, wantErr := get.NewCustomColumnsPrinterFromSpec(spec, unstructured.UnstructuredJSONScheme, noHeaders)
			if wantErr == nil {
				wantErr = columns.PrintObj(list, &want)
			}
			var got bytes.Buffer
			printer, err := printers.NewListPrinter(&got, printers.Format{Name: printers.FormatCustomColumns, Argument: spec}, printers.ListOptions{NoHeaders: noHeaders})
			if err == nil {
				for i := range list.Items {
					if err = printer.Print("", &list.Items[i]); err != nil {
						t.Fatal(err)
					}
				}
				err = printer.Close([]v1alpha1.Failure{})
			}
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%q: %v, kubectl: %v", spec, err, wantErr)
			}
			if err == nil && got.String() != want.String() {
				t.Errorf("%q:\n%s\nkubectl:\n%s", spec, got.String(), want.String())
			}
		}
	}
}
