package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
)

func newDown(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End all processes and remove all files of the testbed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := g.folder()
			if err != nil {
				return err
			}
			began := time.Now()
			err = bed.Down(cmd.Context(), dir, logger(cmd))
			if errors.Is(err, bed.ErrNone) {
				logger(cmd)("nothing is up in %s", dir)
				return nil
			}
			if err != nil {
				return err
			}
			logger(cmd)("down after %.1f s", time.Since(began).Seconds())
			return nil
		},
	}
}
