package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// rolloutFlags say how a run goes from cluster to cluster.
type rolloutFlags struct {
	waves     string
	onFailure string
	check     string
	wait      bool
	gate      direct.Gate
}

func (f *rolloutFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.waves, "waves", "", "Clusters in turns, such as canary=1,25%,100%: so many have had theirs after each; or env=dev or names, for those")
	flags.StringVar(&f.onFailure, "on-failure", string(propagate.Pause), "When a wave fails: pause, rollback (all that was touched is as before) or continue")
	flags.BoolVar(&f.gate.OnWarnings, "gate-on-warnings", false, "A Warning event about the set fails its wave; otherwise it is shown alone")
	flags.StringVar(&f.check, "gate", "", "Program that is run after each wave, by sh -c, and stops the run unless it ends with 0; $KUBECTL_FLEET_WAVE and $KUBECTL_FLEET_CLUSTERS say which wave")
	flags.BoolVar(&f.wait, "wait", true, "Wait until all is healthy")
	flags.DurationVar(&f.gate.Timeout, "timeout", 5*time.Minute, "How long to wait until all is healthy in one cluster")
	flags.DurationVar(&f.gate.Bake, "bake", 0, "How long all must stay healthy, without a container that restarts")
}

// rollout is how a run goes from cluster to cluster.
type rollout struct {
	steps    []fanout.WaveStep
	strategy propagate.Strategy
}

func (f *rolloutFlags) parse(env *cli.Env) (rollout, error) {
	r := rollout{strategy: propagate.Strategy{OnFailure: propagate.OnFailure(f.onFailure), NoWait: !f.wait, Gate: f.gate, By: env.Who()}}
	switch r.strategy.OnFailure {
	case propagate.Pause, propagate.Rollback, propagate.Continue:
	default:
		return r, fmt.Errorf("--on-failure is %q: want pause, rollback or continue", f.onFailure)
	}
	switch {
	case f.gate.Timeout <= 0:
		return r, fmt.Errorf("--timeout must be more than 0, is %s", f.gate.Timeout)
	case f.gate.Bake < 0:
		return r, fmt.Errorf("--bake cannot be less than 0, is %s", f.gate.Bake)
	case f.gate.Bake > 0 && !f.wait:
		return r, errors.New("--bake needs --wait")
	}
	if f.check != "" {
		r.strategy.Check = checkBy(env, f.check)
	}
	if f.waves == "" {
		return r, nil
	}
	var err error
	if r.steps, err = fanout.ParseWaves(f.waves); err != nil {
		err = fmt.Errorf("--waves: %w", err)
	}
	return r, err
}

// takesBack is true if what fails is brought back by the same command.
func (r rollout) takesBack() bool { return r.strategy.OnFailure == propagate.Rollback }

// over is the strategy for these clusters.
func (r rollout) over(clusters []inventory.Cluster) (propagate.Strategy, error) {
	waves, err := fanout.Waves(clusters, r.steps)
	if err != nil {
		return r.strategy, cli.UsageError(fmt.Errorf("--waves: %w", err))
	}
	r.strategy.Waves = waves
	return r.strategy, nil
}

// checkBy asks a program of the user's.
func checkBy(env *cli.Env, command string) func(context.Context, fanout.Wave) error {
	return func(ctx context.Context, wave fanout.Wave) error {
		program := exec.CommandContext(ctx, "sh", "-c", command)
		program.Env = append(os.Environ(), "KUBECTL_FLEET_WAVE="+wave.Name, "KUBECTL_FLEET_CLUSTERS="+strings.Join(names(wave.Clusters), ",")) //nolint:forbidigo // the program is the user's, and so is what it inherits
		program.Stdout, program.Stderr = env.ErrOut, env.ErrOut
		if err := program.Run(); err != nil {
			return &propagate.CheckError{Command: command, Err: err}
		}
		return nil
	}
}
