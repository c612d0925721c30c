package cli

import (
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// onlyFleet is the fleet that alone has what can be selected; nil where that are the
// contexts, or what hubs list.
func (f *ClusterFlags) onlyFleet() *v1alpha1.Fleet {
	if f.OnHubs() {
		return nil
	}
	fleet, err := f.silenced().chosenFleet()
	if err != nil {
		return nil
	}
	return fleet
}

// elsewhere says how a name is meant that a selection does not know and another would:
// of a context beside the fleet, and of a member where contexts are wanted.
func (f *ClusterFlags) elsewhere(name string, fleet *v1alpha1.Fleet) string {
	silent := f.silenced()
	if fleet != nil {
		config, err := silent.kubeconfig()
		if err != nil || !config.HasContext(name) {
			return ""
		}
		return fmt.Sprintf("; the context %[1]s is not in it: --context %[1]s, or --fleet '' for all contexts", ShellWord(name))
	}
	file, _, err := inventory.ReadFleetFile(f.env.FleetFile())
	if err != nil || file == nil {
		return ""
	}
	for i := range file.Fleets {
		for _, m := range file.Fleets[i].Members {
			switch {
			case m.Name != name:
			case f.contexts:
				return fmt.Sprintf("; in fleet %s it is the context %s", file.Fleets[i].Name, ShellWord(m.Context))
			case !f.OnHubs() && *f.config.Context == "":
				return fmt.Sprintf("; --fleet %s has it", ShellWord(file.Fleets[i].Name))
			}
		}
	}
	return ""
}
