package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newStatus(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what each cluster does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := g.open()
			if err != nil {
				return err
			}
			list, err := b.Status()
			if err != nil {
				return err
			}
			switch output {
			case "json":
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(list)
			case "":
			default:
				return fmt.Errorf("-o %q: there is only json", output)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "CLUSTER\tVERSION\tSTATE\tSERVER\tMEMORY\tPIDS")
			for _, s := range list {
				var pids []string
				for _, name := range slices.Sorted(maps.Keys(s.Processes)) {
					pids = append(pids, fmt.Sprintf("%s=%d", name, s.Processes[name]))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d MiB\t%s\n", s.Cluster, s.Version, s.State, s.Server, s.Memory>>20, strings.Join(pids, " "))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json instead of a table")
	return cmd
}
