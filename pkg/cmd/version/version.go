// Package version has the command version, which is the same in all plugins.
package version

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// NewCmdVersion returns the command version of a plugin.
func NewCmdVersion(env *cli.Env) *cobra.Command {
	clusters := cli.NewClusterFlags(env)
	output := &cli.OutputFlags{}
	var server bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of the plugin, of its client library and, with --server, of every cluster",
		Long: `Show the version of the plugin, of its client library and, with --server, of every cluster.

Where kubectl would run another program of the plugin's name, since that comes first in PATH, it is named: there are several
programs called kubectl-fleet.`,
		Args: cli.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			parsed, err := output.Parse()
			if err != nil {
				return err
			}
			o := &options{env: env, output: parsed}
			if other, own := env.OnPath(); other != "" && !own {
				env.Note("%s runs %s, which comes first in PATH, and not this program", env.DisplayName(), other)
			}
			if !server {
				return o.print(nil, nil)
			}
			selection, err := clusters.Select(ctx)
			if err != nil {
				return err
			}
			return o.runServer(ctx, selection)
		}),
	}
	cmd.Flags().BoolVar(&server, "server", false, "Ask every cluster for its version, too")
	clusters.AddFlags(cmd.Flags())
	output.AddFlags(cmd.Flags())
	return cmd
}

type options struct {
	env    *cli.Env
	output cli.Output
}

func (o *options) runServer(ctx context.Context, s cli.Selection) error {
	defer s.Warnings.Say(o.env)
	line := s.ShowWaiting(o.env)
	clusters, report := query.Versions(ctx, query.Fleet{Clusters: s.Clusters, Members: s.Members, Fanout: s.Fanout})
	line.Done()
	printed := o.print(clusters, report.Failures)
	o.env.SayFailures(report.Failures)
	if verdict := cli.Verdict(report.Asked, report.Failures); verdict != nil {
		verdict.Err = printed
		return verdict
	}
	return printed
}

func (o *options) print(clusters []v1alpha1.Cluster, failures []fanout.Failure) error {
	if o.output.Format.IsTable() {
		return o.printText(clusters)
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	own := cli.PluginVersion(o.env.Plugin)
	if err := printObject(printer, "", &own); err != nil {
		return err
	}
	for i := range clusters {
		if err := printObject(printer, clusters[i].Name, &clusters[i]); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(failures))
}

func printObject(printer printers.ListPrinter, cluster string, value any) error {
	data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(value)
	if err != nil {
		return err
	}
	return printer.Print(cluster, &unstructured.Unstructured{Object: data})
}

func (o *options) printText(clusters []v1alpha1.Cluster) error {
	own := cli.PluginVersion(o.env.Plugin)
	built := own.GoVersion + " " + own.Platform
	if own.Commit != "" {
		built = own.Commit + " " + built
	}
	if _, err := fmt.Fprintf(o.env.Out, "%s %s (%s), client-go %s\n", own.Name, own.Version, built, own.KubernetesClient); err != nil {
		return err
	}
	if clusters == nil {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name", Type: "string"}, {Name: "Version", Type: "string"}}}
	for _, c := range clusters {
		shown := c.Status.Version
		if shown == "" {
			shown = "<" + c.Status.Phase + ">"
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{c.Name, shown}})
	}
	return printers.Table(o.env.Out, table, o.output.Table())
}
