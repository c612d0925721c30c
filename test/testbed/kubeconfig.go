package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func newKubeconfig(g *global) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "kubeconfig [CLUSTER]",
		Short: "Print a kubeconfig with one context for each cluster, or that of one alone",
		Example: `  testbed kubeconfig
  testbed kubeconfig karmada`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := g.open()
			if err != nil {
				return err
			}
			file := b.Kubeconfig()
			if len(args) > 0 {
				c, err := b.Cluster(args[0])
				if err != nil {
					return err
				}
				file = c.Kubeconfig()
			}
			raw, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("the testbed has not come up to its end: run testbed up: %w", err)
			}
			if out != "" {
				return os.WriteFile(out, raw, 0o600)
			}
			_, err = cmd.OutOrStdout().Write(raw)
			return err
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this file (mode 0600) instead of stdout")
	return cmd
}
