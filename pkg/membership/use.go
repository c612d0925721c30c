package membership

import "github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"

// currentFleet is the field of v1alpha1.FleetConfig.
const currentFleet = "currentFleet"

// Use makes a fleet of the file the current one, which commands are about that
// name none. It returns that fleet, or an error that lists those there are.
func (f *FleetFile) Use(fleet string) (*v1alpha1.Fleet, error) {
	found, err := f.find(fleet)
	if err != nil {
		return nil, err
	}
	f.config.CurrentFleet = fleet
	return found, f.edited(f.doc.set(currentFleet, fleet))
}

// UseNone makes no fleet the current one: commands that name none are about
// every context.
func (f *FleetFile) UseNone() error {
	f.config.CurrentFleet = ""
	return f.edited(f.doc.remove(currentFleet))
}
