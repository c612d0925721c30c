package cli

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

const fleetFlag = "fleet"

// FleetFlag says which fleet of the fleet file is changed or shown.
type FleetFlag struct {
	env   *Env
	flags *pflag.FlagSet
	name  string
}

// NewFleetFlag returns the flag.
func NewFleetFlag(env *Env) *FleetFlag { return &FleetFlag{env: env} }

// AddFlag binds the flag.
func (f *FleetFlag) AddFlag(flags *pflag.FlagSet, usage string) {
	f.flags = flags
	flags.StringVar(&f.name, fleetFlag, "", usage)
}

// Validate refuses a name that is given and empty.
func (f *FleetFlag) Validate() error {
	if f.flags.Changed(fleetFlag) && f.name == "" {
		return UsageError(errors.New("--fleet is empty: leave it away to mean the current fleet"))
	}
	return nil
}

// Given tells whether the user named a fleet by the flag.
func (f *FleetFlag) Given() bool { return f.name != "" }

// Of is the fleet's name: the flag's, or that of the environment, or the file's
// current fleet. None of them is an error of usage.
func (f *FleetFlag) Of(config *v1alpha1.FleetConfig) (string, error) {
	if f.name != "" {
		return f.name, nil
	}
	if name := f.env.defaultFleet(config); name != "" {
		return name, nil
	}
	return "", &Error{
		Code: ExitUsage, Err: errors.New("which fleet? There is no current one"),
		Hint: "--fleet NAME names it, and '" + f.env.DisplayName() + " use NAME' makes it the current one",
	}
}

// defaultFleet is the fleet that is meant where none is named; empty: none.
func (e *Env) defaultFleet(config *v1alpha1.FleetConfig) string {
	name := e.Getenv(FleetVariable)
	if name == "" && config != nil {
		name = config.CurrentFleet
	}
	return name
}
