package printers

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/liggitt/tabwriter"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeprinters "k8s.io/cli-runtime/pkg/printers"
)

// TableOptions are how a table is printed.
type TableOptions struct {
	NoHeaders bool
	// Wide shows the columns of a priority above 0, too.
	Wide bool
}

// Table prints a table as kubectl does, cells escaped. A table without rows
// prints nothing.
func Table(w io.Writer, table *metav1.Table, o TableOptions) error {
	return NewTablePrinter(w, o).Print(table)
}

// TablePrinter prints tables below one another: widths are kept from one to the
// next, and a header is printed where the columns change.
type TablePrinter struct {
	tabs    *tabwriter.Writer
	out     *bufio.Writer // the tabwriter writes every cell on its own
	printer kubeprinters.ResourcePrinter
}

// NewTablePrinter returns a printer onto w.
func NewTablePrinter(w io.Writer, o TableOptions) *TablePrinter {
	out := bufio.NewWriterSize(w, 1<<16)
	return &TablePrinter{
		out:     out,
		tabs:    kubeprinters.GetNewTabWriter(out),
		printer: kubeprinters.NewTablePrinter(kubeprinters.PrintOptions{NoHeaders: o.NoHeaders, Wide: o.Wide}),
	}
}

// Print prints a table, cells escaped. A table without rows prints nothing.
func (p *TablePrinter) Print(table *metav1.Table) error {
	escapeTable(table)
	if err := p.printer.PrintObj(table, p.tabs); err != nil {
		return err
	}
	if err := p.tabs.Flush(); err != nil {
		return err
	}
	return p.out.Flush()
}

func escapeTable(table *metav1.Table) {
	for i := range table.ColumnDefinitions {
		name := &table.ColumnDefinitions[i].Name // a CRD's author chose it
		*name = Escape(strings.ReplaceAll(escapeCell(*name), "\n", " "))
	}
	for _, row := range table.Rows {
		for i, cell := range row.Cells {
			switch value := cell.(type) {
			case nil, int64, float64, bool:
			case string:
				row.Cells[i] = escapeCell(value)
			default:
				row.Cells[i] = escapeCell(fmt.Sprint(value))
			}
		}
	}
}
