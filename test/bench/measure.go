package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// sample is one run of one program.
type sample struct {
	wall, cpu time.Duration
	peak      int64
	counts    []float64
}

// results are the runs of one program.
type results []sample

func (r results) wall() time.Duration {
	return middle(r, func(s sample) time.Duration { return s.wall })
}
func (r results) counted(column int) float64 {
	return middle(r, func(s sample) float64 { return s.counts[column] })
}
func (r results) peak() int64 { return middle(r, func(s sample) int64 { return s.peak }) }

func sorted[T cmp.Ordered](r results, of func(sample) T) []T {
	values := make([]T, len(r))
	for i, s := range r {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values
}

func middle[T cmp.Ordered](r results, of func(sample) T) T { return sorted(r, of)[len(r)/2] }

// measure runs the programs of a scenario in turn, so that what else the
// machine does is shared by all, after one run that does not count: it fills
// the caches of discovery.
func (l *lab) measure(ctx context.Context, s scenario, runs int) (_ []results, err error) {
	defer func() { err = errors.Join(err, call(context.WithoutCancel(ctx), s.end)) }()
	if s.standin != nil {
		stop, err := l.startStandin(ctx, s)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	if err := call(ctx, s.begin); err != nil {
		return nil, err
	}
	measured := make([]results, len(s.programs))
	first := 0
	if s.atMost > 0 {
		first, runs = 1, min(s.atMost, runs)
	}
	for round := first; round <= runs; round++ {
		for i, p := range s.programs {
			sample, err := l.counted(ctx, s, p)
			if err = errors.Join(err, call(ctx, s.reset)); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			fmt.Fprintf(os.Stderr, "  %s: %.2f s %.0f\n", p.name, sample.wall.Seconds(), sample.counts)
			if round > 0 {
				measured[i] = append(measured[i], sample)
			}
		}
	}
	// Looking at memory takes time, so what was timed is not looked at.
	for i, p := range s.programs {
		if !p.tree {
			continue
		}
		peak, err := l.treeMemory(ctx, s, p)
		if err = errors.Join(err, call(ctx, s.reset)); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		for j := range measured[i] {
			measured[i][j].peak = peak
		}
	}
	return measured, nil
}

// counted runs a program, and counts meanwhile.
func (l *lab) counted(ctx context.Context, s scenario, p program) (sample, error) {
	if s.counts == nil {
		return l.once(ctx, s, p)
	}
	end, err := s.counts.begin(ctx)
	if err != nil {
		return sample{}, err
	}
	got, err := l.once(ctx, s, p)
	got.counts = end(got.wall)
	return got, err
}

func (l *lab) command(ctx context.Context, s scenario, p program) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.command[0], p.command[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.scratch, "KUBECONFIG=" + l.kubeconfig(s), "TERM=dumb"}
	return cmd
}

// once runs a program. Its output goes to /dev/null: printing is part of the
// work, reading what was printed is not.
func (l *lab) once(ctx context.Context, s scenario, p program) (sample, error) {
	var stderr bytes.Buffer
	cmd := l.command(ctx, s, p)
	cmd.Stderr = &stderr
	var firstRow func() (time.Time, error)
	if p.terminal {
		screen, first, err := newScreen()
		if err != nil {
			return sample{}, err
		}
		cmd.Stdout, firstRow = screen, first
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	err := cmd.Wait()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return sample{}, err
	}
	if code := cmd.ProcessState.ExitCode(); code != p.code {
		return sample{}, fmt.Errorf("exit code %d: %s", code, stderr.String())
	}
	if firstRow != nil {
		at, err := firstRow()
		if err != nil {
			return sample{}, err
		}
		took = at.Sub(began)
	}
	state := cmd.ProcessState
	measured := sample{wall: took, cpu: state.UserTime() + state.SystemTime()}
	if usage, is := state.SysUsage().(*syscall.Rusage); is {
		measured.peak = usage.Maxrss << 10
	}
	return measured, nil
}

// startStandin starts the stand-in servers and waits until they are there.
func (l *lab) startStandin(ctx context.Context, s scenario) (stop func(), err error) {
	cmd := exec.CommandContext(ctx, l.program("standin"), append(s.standin, "-kubeconfig", l.kubeconfig(s))...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}
	l.order, l.ready = stdin, bufio.NewReader(stdout)
	if _, err := l.ready.ReadString('\n'); err != nil {
		stop()
		return nil, fmt.Errorf("the stand-in servers did not start: %w", err)
	}
	return stop, nil
}

// forget makes the stand-in servers forget what was written to them.
func (l *lab) forget(context.Context) error {
	if _, err := fmt.Fprintln(l.order); err != nil {
		return err
	}
	_, err := l.ready.ReadString('\n')
	return err
}

// shell runs what is not measured.
func (l *lab) shell(ctx context.Context, kubeconfig, text string) error {
	cmd := l.command(ctx, scenario{kubeconfig: kubeconfig}, program{command: []string{"sh", "-c", text}})
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", text, err, out)
	}
	return nil
}
