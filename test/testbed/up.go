package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/metrics"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/node"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
)

// addons are all there are, in the order in which they start.
func addons() []addon.Addon {
	return []addon.Addon{metrics.Addon{}, karmada.Addon{}, capi.Addon{}, snapshots.Addon{}, velero.Addon{}, node.Addon{}}
}

func newUp(g *global) *cobra.Command {
	var (
		o        bed.Options
		versions []string
		with     []string
	)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the clusters and wait until they are ready",
		Example: `  testbed up -n 3
  testbed up -n 2 --version c2=1.35.4 --with metrics --dir /tmp/bed`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			var err error
			if o.Dir, err = g.folder(); err != nil {
				return err
			}
			if o.Root, err = g.checkout(); err != nil {
				return err
			}
			if o.Versions, err = parseVersions(versions); err != nil {
				return err
			}
			if o.Addons, err = chooseAddons(with); err != nil {
				return err
			}
			o.Log = logger(cmd)
			b, already, err := bed.Up(cmd.Context(), o)
			if err != nil {
				return err
			}
			if already {
				o.Log("already up: %d clusters in %s; nothing was changed", len(b.Clusters()), b.Dir)
			} else {
				o.Log("%d clusters are up after %.1f s", len(b.Clusters()), time.Since(began).Seconds())
			}
			for _, c := range b.Running() {
				if c.Hub {
					o.Log("hub %s: its kubeconfig is %s", c.Name, c.Kubeconfig())
				}
			}
			o.Log("export KUBECONFIG=%s", b.Kubeconfig())
			return nil
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.Clusters, "clusters", "n", 3, "how many clusters; they are named c1, c2, ...")
	f.IntVar(&o.Nodes, "nodes", 4, "how many KWOK nodes in each cluster")
	f.StringSliceVar(&versions, "version", nil, "Kubernetes version of one cluster, as in c2=1.35.4")
	f.StringSliceVar(&with, "with", nil, "add-ons to start: "+strings.Join(addonNames(), ", "))
	return cmd
}

// parseVersions reads CLUSTER=VERSION pairs.
func parseVersions(pairs []string) (map[string]string, error) {
	versions := map[string]string{}
	for _, pair := range pairs {
		name, version, ok := strings.Cut(pair, "=")
		if !ok || name == "" || version == "" {
			return nil, fmt.Errorf("--version %q: write CLUSTER=VERSION, as in c2=1.35.4", pair)
		}
		if _, twice := versions[name]; twice {
			return nil, fmt.Errorf("--version names cluster %s twice", name)
		}
		versions[name] = version
	}
	return versions, nil
}

// chooseAddons finds add-ons by name, in the order in which they start. Snapshots are there for Velero to take.
func chooseAddons(wanted []string) ([]addon.Addon, error) {
	for _, name := range wanted {
		if !slices.Contains(addonNames(), name) {
			return nil, fmt.Errorf("--with %q: no such add-on; there are: %s", name, strings.Join(addonNames(), ", "))
		}
	}
	if slices.Contains(wanted, snapshots.Addon{}.Name()) {
		wanted = append(wanted, velero.Addon{}.Name())
	}
	var chosen []addon.Addon
	for _, a := range addons() {
		if slices.Contains(wanted, a.Name()) {
			chosen = append(chosen, a)
		}
	}
	return chosen, nil
}

func addonNames() []string {
	var names []string
	for _, a := range addons() {
		names = append(names, a.Name())
	}
	return names
}
