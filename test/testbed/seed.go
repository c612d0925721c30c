package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/seed"
)

func newSeed(g *global) *cobra.Command {
	var (
		o     seed.Options
		names []string
	)
	cmd := &cobra.Command{
		Use:   "seed",
		Short: "Fill clusters with namespaces, deployments and pods, fast",
		Long: `Fill clusters with namespaces, deployments and pods, fast. All numbers are per cluster. Pods are created on their nodes, past the
scheduler; deployments go through the real controllers. What is there already is left as it is.`,
		Example: `  testbed seed --namespaces 10 --deployments 20 --pods 2000 -C c1,c2`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := g.open()
			if err != nil {
				return err
			}
			clusters := b.Clusters()
			if len(names) > 0 {
				clusters = clusters[:0]
				for _, name := range names {
					c, err := b.Cluster(name)
					if err != nil {
						return err
					}
					clusters = append(clusters, c)
				}
			}
			began := time.Now()
			o.Log = logger(cmd)
			if err := seed.Run(cmd.Context(), clusters, o); err != nil {
				return err
			}
			o.Log("%d clusters seeded after %.1f s", len(clusters), time.Since(began).Seconds())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVarP(&names, "clusters", "C", nil, "clusters to seed; all when not given")
	f.IntVar(&o.Namespaces, "namespaces", 1, "namespaces seed-001, seed-002, ... in each cluster")
	f.IntVar(&o.Deployments, "deployments", 0, "deployments in each cluster, spread over its namespaces")
	f.IntVar(&o.Replicas, "replicas", 2, "replicas of each deployment")
	f.IntVar(&o.Pods, "pods", 0, "pods without a controller in each cluster, spread over its namespaces and nodes")
	f.BoolVar(&o.Wait, "wait", true, "wait until deployments are available and pods are ready")
	return cmd
}
