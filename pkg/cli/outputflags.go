package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// OutputFlags say how a result is printed.
type OutputFlags struct {
	output    string
	noHeaders bool
}

// AddFlags binds the flags.
func (f *OutputFlags) AddFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&f.output, "output", "o", "", "Output format: "+strings.Join(printers.Formats(), ", "))
	flags.BoolVar(&f.noHeaders, "no-headers", false, "Print tables without headers")
}

// Output is how a result is printed.
type Output struct {
	Format    printers.Format
	NoHeaders bool
}

// Parse reads the flags. An error is one of usage.
func (f *OutputFlags) Parse() (Output, error) {
	format, err := printers.ParseFormat(f.output)
	if err != nil {
		return Output{}, UsageError(err)
	}
	return Output{Format: format, NoHeaders: f.noHeaders}, nil
}

// Table returns the options of a table in this format.
func (o Output) Table() printers.TableOptions {
	return printers.TableOptions{NoHeaders: o.NoHeaders, Wide: o.Format.Name == printers.FormatWide}
}

// EventPrinter returns the printer of a watch in this format, which is no table.
// An error is one of usage.
func (o Output) EventPrinter(env *Env, withEvent bool) (printers.EventPrinter, error) {
	printer, err := printers.NewEventPrinter(env.Out, o.Format, withEvent, printers.ListOptions{NoHeaders: o.NoHeaders, Terminal: env.OutTerminal})
	if err != nil {
		return nil, UsageError(err)
	}
	return printer, nil
}

// ListPrinter returns the printer of a list in this format. An error is one of
// usage.
func (o Output) ListPrinter(env *Env) (printers.ListPrinter, error) {
	printer, err := printers.NewListPrinter(env.Out, o.Format, printers.ListOptions{NoHeaders: o.NoHeaders, Terminal: env.OutTerminal})
	if err != nil {
		return nil, UsageError(err)
	}
	return printer, nil
}
