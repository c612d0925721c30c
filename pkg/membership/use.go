package membership

import (
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// currentFleet is the field of v1alpha1.FleetConfig.
const currentFleet = "currentFleet"

// Use makes a fleet of the file the current one, which commands are about that
// name none. It returns that fleet, or an error that lists those there are.
func (f *FleetFile) Use(fleet string) (*v1alpha1.Fleet, error) {
	found, err := inventory.FindFleet(f.config, fleet)
	if err != nil {
		return nil, err
	}
	if err := f.doc.set(currentFleet, fleet); err != nil {
		return nil, fmt.Errorf("fleet file %s: %w", f.path, err)
	}
	f.config.CurrentFleet = fleet
	return found, nil
}

// UseNone makes no fleet the current one: commands that name none are about
// every context.
func (f *FleetFile) UseNone() error {
	if err := f.doc.remove(currentFleet); err != nil {
		return fmt.Errorf("fleet file %s: %w", f.path, err)
	}
	f.config.CurrentFleet = ""
	return nil
}
