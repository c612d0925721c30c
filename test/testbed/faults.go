package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
)

// newFaults are the commands that break a cluster and mend it again.
func newFaults(g *global) []*cobra.Command {
	fault := func(verb, short string, do func(*bed.Bed, context.Context, string) error) *cobra.Command {
		return &cobra.Command{
			Use:   verb + " NAME...",
			Short: short,
			Args:  cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				b, err := g.open()
				if err != nil {
					return err
				}
				for _, name := range args {
					if err := do(b, cmd.Context(), name); err != nil {
						return err
					}
				}
				return nil
			},
		}
	}
	return []*cobra.Command{
		fault("hang", "Stop the API server of a cluster, or a service: it accepts connections and never answers", (*bed.Bed).Hang),
		fault("resume", "Let what hangs go on, and wait until it is ready", (*bed.Bed).Resume),
		fault("kill", "Kill the API server of a cluster, or a service: its port refuses connections", (*bed.Bed).Kill),
		fault("start", "Start what is dead, with the same port and data, and wait until it is ready", (*bed.Bed).Start),
	}
}
