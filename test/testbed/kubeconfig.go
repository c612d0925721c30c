package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func newKubeconfig(g *global) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print a kubeconfig with one context for each cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := g.open()
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(b.Kubeconfig())
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
