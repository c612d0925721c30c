package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// MutationFlags are those of every command that changes something: whether it
// asks first, and whether it changes anything at all.
type MutationFlags struct {
	yes    bool
	dryRun string
}

// The values of --dry-run, which are kubectl's.
const (
	DryRunNone   = "none"
	DryRunClient = "client"
	DryRunServer = "server"
)

// AddFlags binds the flags.
func (f *MutationFlags) AddFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&f.yes, "yes", false, "Do not ask before anything is changed")
	f.AddDryRun(flags)
}

// AddDryRun binds --dry-run alone, for a command that asks nobody.
func (f *MutationFlags) AddDryRun(flags *pflag.FlagSet) {
	flags.StringVar(&f.dryRun, "dry-run", DryRunNone, `"none", "client" or "server": but for none, check all and change nothing`)
}

// Mutation is how a command changes something.
type Mutation struct {
	// DryRun is client or server where nothing is to be changed, else empty.
	DryRun string
	env    *Env
	yes    bool
}

// Parse reads the flags. Where there is nobody to be asked it refuses; so call it
// last, when all else is known to be good, and before anything is asked of a
// cluster.
func (f *MutationFlags) Parse(env *Env) (Mutation, error) {
	m, err := f.Read(env)
	if err == nil {
		err = m.Askable()
	}
	return m, err
}

// Read is Parse for a command that has more to check before it calls Askable, such
// as files.
func (f *MutationFlags) Read(env *Env) (Mutation, error) {
	m := Mutation{env: env, yes: f.yes, DryRun: f.dryRun}
	switch f.dryRun {
	case DryRunClient, DryRunServer:
	case DryRunNone:
		m.DryRun = ""
	default:
		return m, UsageError(fmt.Errorf("--dry-run is %q: want none, client or server", f.dryRun))
	}
	return m, nil
}

// Askable refuses where somebody must be asked and there is nobody.
func (m Mutation) Askable() error {
	if m.DryRun != "" || m.yes || m.env.InTerminal() {
		return nil
	}
	return &Error{
		Code: ExitRefused, Err: errors.New("there is no terminal to ask on; nothing was changed"),
		Hint: "--dry-run=server shows the plan, and --yes goes on without asking",
	}
}
