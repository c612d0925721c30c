package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

func newBuild(g *global) *cobra.Command {
	var versions, with []string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the programs that up would, and start nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := g.checkout()
			if err != nil {
				return err
			}
			programs, err := stack.Common(root)
			if err != nil {
				return err
			}
			for _, v := range versions {
				more, err := stack.ControlPlane(root, v)
				if err != nil {
					return err
				}
				programs = append(programs, more...)
			}
			chosen, err := chooseAddons(with)
			if err != nil {
				return err
			}
			for _, a := range chosen {
				more, err := a.Programs(root)
				if err != nil {
					return err
				}
				programs = append(programs, more...)
			}
			cache, err := stack.UserCache()
			if err != nil {
				return err
			}
			began := time.Now()
			if _, err := cache.Ensure(cmd.Context(), programs, logger(cmd)); err != nil {
				return err
			}
			logger(cmd)("%d programs are built, after %.1f s", len(programs), time.Since(began).Seconds())
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&versions, "version", []string{""}, "Kubernetes versions to build; the default one when not given")
	cmd.Flags().StringSliceVar(&with, "with", nil, "add-ons to build: "+strings.Join(addonNames(), ", "))
	return cmd
}
