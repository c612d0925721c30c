package fleet

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// tableWriter writes one table for each item of a request, an empty line
// between two of them, and late rows of an item in its widths.
type tableWriter struct {
	env     *cli.Env
	options printers.TableOptions
	items   []*printers.TablePrinter
	last    *printers.TablePrinter // of the item written last
}

func (w *tableWriter) write(tables []*metav1.Table) error {
	for i, t := range tables {
		if len(t.Rows) == 0 {
			continue
		}
		if w.items[i] == nil {
			w.items[i] = printers.NewTablePrinter(w.env.Out, w.options)
		}
		// As kubectl: tables that have no headers follow one another.
		if w.last != nil && w.last != w.items[i] && !w.options.NoHeaders {
			if _, err := fmt.Fprintln(w.env.Out); err != nil {
				return err
			}
		}
		w.last = w.items[i]
		if err := w.items[i].Print(t); err != nil {
			return err
		}
	}
	return nil
}
