// Command bench measures kubectl-fleet beside its peers, all in one run, and
// prints what docs/benchmarks.md holds: times of one machine say little, ratios
// on it do. It needs a seeded testbed of eight clusters; `make bench` brings one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
)

func main() {
	folder := flag.String("bed", "", "the testbed's folder")
	programs := flag.String("bin", "bin/bench", "where the plugins and the programs of this folder are")
	runs := flag.Int("runs", 5, "how often each program runs")
	only := flag.String("only", "", "regular expression of the titles to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *folder, *programs, *only, *runs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder, programs, only string, runs int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	b, err := bed.Open(folder)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "fleet-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	l := &lab{bed: b, programs: programs, scratch: scratch}
	if l.kubectl, err = b.Program("kubectl"); err != nil {
		return err
	}
	if l.programs, err = filepath.Abs(programs); err != nil {
		return err
	}
	propagating, err := newPropagateLab(l)
	if err != nil {
		return err
	}
	draining, err := newDrainLab(l)
	if err != nil {
		return err
	}
	scenarios := slices.Concat(l.scenarios(), propagating.scenarios(), draining.scenarios())
	if hub, err := newHubLab(l); err == nil {
		scenarios = append(scenarios, hub.scenarios()...)
	} else {
		fmt.Fprintln(os.Stderr, "note:", err)
	}
	if backups, err := newBackupLab(l); err == nil {
		scenarios = append(scenarios, backups.scenarios()...)
	} else {
		fmt.Fprintln(os.Stderr, "note:", err)
	}
	printMachine()
	for _, s := range scenarios {
		if !wanted.MatchString(s.title) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", s.title)
		results, err := l.measure(ctx, s, runs)
		if err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		printResults(s, results)
	}
	return l.printSize()
}
