package printers

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// The layout of kubectl's tables (cli-runtime's pkg/printers/tabwriter.go).
const (
	minColumnWidth = 6
	columnPadding  = 3
)

// TablePrinter prints tables below one another: widths are kept from one to the
// next, and a header is printed where the columns change.
//
// It prints what cli-runtime's table printer prints into kubectl's tabwriter.
// That pair keeps a second copy of all cells, and for a hundred thousand rows
// takes as long as everything else does together.
type TablePrinter struct {
	out     *bufio.Writer
	options TableOptions
	columns []metav1.TableColumnDefinition // under the last header
	widths  []int                          // of the columns shown, padding included
}

// NewTablePrinter returns a printer onto w.
func NewTablePrinter(w io.Writer, o TableOptions) *TablePrinter {
	return &TablePrinter{out: bufio.NewWriterSize(w, 1<<16), options: o}
}

// Print prints a table, cells escaped. A table without rows prints nothing. The
// cells are left as they were printed.
func (p *TablePrinter) Print(table *metav1.Table) error {
	if len(table.Rows) == 0 {
		return nil
	}
	shown := make([]int, 0, len(table.ColumnDefinitions)) // not nil: that would be all
	for i, c := range table.ColumnDefinitions {
		if c.Priority == 0 || p.options.Wide {
			shown = append(shown, i)
		}
	}
	header := p.header(table, shown)
	p.measure(header, nil)
	for _, row := range table.Rows {
		for _, i := range shown {
			if i < len(row.Cells) {
				makePlain(&row.Cells[i])
			}
		}
		p.measure(row.Cells, shown)
	}
	if header != nil {
		p.line(header, nil)
	}
	for _, row := range table.Rows {
		p.line(row.Cells, shown)
	}
	return p.out.Flush()
}

// header is the line above the rows; nil if it stands there already.
func (p *TablePrinter) header(table *metav1.Table, shown []int) []any {
	if p.options.NoHeaders || slices.Equal(p.columns, table.ColumnDefinitions) {
		return nil
	}
	p.columns = table.ColumnDefinitions
	header := make([]any, len(shown))
	for n, i := range shown {
		name := table.ColumnDefinitions[i].Name // a CRD's author chose it
		header[n] = strings.ToUpper(Escape(strings.ReplaceAll(escapeCell(name), "\n", " ")))
	}
	return header
}

// measure widens the columns for a line: its cells at these places, or all. The
// last one has no width, since nothing stands behind it.
func (p *TablePrinter) measure(cells []any, places []int) {
	last := len(places) - 1
	if places == nil {
		last = len(cells) - 1
	}
	for column, text := range texts(cells, places) {
		if column == last {
			return
		}
		if column == len(p.widths) {
			p.widths = append(p.widths, minColumnWidth)
		}
		// A rune takes no more than its bytes.
		if len(text)+columnPadding > p.widths[column] {
			p.widths[column] = max(p.widths[column], utf8.RuneCountInString(text)+columnPadding)
		}
	}
}

const spaces = "                                                                "

// line writes a line: its cells at these places, or all. Behind the last one is
// nothing. The buffer keeps the first error for Flush.
func (p *TablePrinter) line(cells []any, places []int) {
	pad := 0
	for column, text := range texts(cells, places) {
		for ; pad > 0; pad -= min(pad, len(spaces)) {
			_, _ = p.out.WriteString(spaces[:min(pad, len(spaces))])
		}
		_, _ = p.out.WriteString(text)
		if column < len(p.widths) {
			pad = p.widths[column] - utf8.RuneCountInString(text)
		}
	}
	_ = p.out.WriteByte('\n')
}

// texts are the cells at these places, or all: plain strings, or nil.
func texts(cells []any, places []int) func(yield func(column int, text string) bool) {
	return func(yield func(int, string) bool) {
		if places == nil {
			for column, cell := range cells {
				if text, _ := cell.(string); !yield(column, text) {
					return
				}
			}
			return
		}
		for column, i := range places {
			if i >= len(cells) { // as in kubectl, a short row ends there
				return
			}
			if text, _ := cells[i].(string); !yield(column, text) {
				return
			}
		}
	}
}

// makePlain makes a cell the text that is printed: cut off where a line ends,
// as kubectl does, and escaped.
func makePlain(cell *any) {
	switch value := (*cell).(type) {
	case nil:
	case string:
		if isPlain(value) {
			return
		}
		if end := strings.IndexAny(value, "\f\n\r"); end >= 0 {
			value = value[:end] + "..."
		}
		*cell = escapeCell(value)
	default:
		text := any(fmt.Sprint(value))
		makePlain(&text)
		*cell = text
	}
}

// isPlain is true for printable ASCII, which is nearly everything.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
