package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// poll is how often the state of a process that is not our child is looked at; the kernel tells only a parent.
const poll = 10 * time.Millisecond

// Stop ends the process: SIGTERM (after SIGCONT, for a stopped process takes no signal), then SIGKILL when it is still there after
// grace. What it had started in its own session, such as a command run by an exec into a pod, ends with it. A process that is already
// gone is no error.
func (id Identity) Stop(ctx context.Context, grace time.Duration) error {
	if id.State() == Gone {
		return nil
	}
	children := id.sessionMembers()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := id.Signal(sig); err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	soft, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if id.WaitGone(soft) != nil {
		if err := id.Kill(ctx); err != nil {
			return err
		}
	}
	for _, c := range children {
		if err := c.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

// Kill ends the process at once and returns when its sockets are closed. A process that is already gone is no error.
func (id Identity) Kill(ctx context.Context) error {
	if err := id.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	if err := id.WaitGone(ctx); err != nil {
		return fmt.Errorf("process %d does not end after SIGKILL: %w", id.PID, err)
	}
	return nil
}

// Halt stops the process by SIGSTOP and returns when none of its threads runs any more: the signal takes its time to reach them all.
func (id Identity) Halt(ctx context.Context) error {
	if err := id.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !id.halted() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (id Identity) halted() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", id.PID))
	return err == nil && !slices.ContainsFunc(threads, func(file string) bool {
		line, err := os.ReadFile(file)
		if err != nil {
			return false // it has ended
		}
		s, err := parseStat(string(line))
		return err == nil && !strings.ContainsRune("TtZX", rune(s.state))
	})
}

// Continue undoes Halt.
func (id Identity) Continue(context.Context) error { return id.Signal(syscall.SIGCONT) }

// WaitGone returns when the process has ended, or with the context's error.
func (id Identity) WaitGone(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for id.State() != Gone {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// Stop ends the program as that of Identity does, and what it left behind if it has ended already.
func (u Unit) Stop(ctx context.Context, grace time.Duration) error {
	return errors.Join(u.Identity.Stop(ctx, grace), u.killRemains())
}

// Kill ends the program at once, and what it started and left behind, as the end of a container would.
func (u Unit) Kill(ctx context.Context) error {
	return errors.Join(u.Identity.Kill(ctx), u.killRemains())
}

// killRemains ends what a program that has ended left in its session. The number of the session may be another's by now, so that only
// what has the whole environment of the program counts.
func (u Unit) killRemains() error {
	if now, err := Of(os.Getpid()); err != nil || now.Boot != u.Boot || len(u.Env) == 0 {
		return err
	}
	var errs []error
	for _, m := range u.sessionMembers() {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", m.PID))
		if err != nil {
			continue // gone, or of somebody else
		}
		has := strings.Split(string(environment), "\x00")
		if slices.ContainsFunc(u.Env, func(entry string) bool { return !slices.Contains(has, entry) }) {
			continue
		}
		if err := m.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sessionMembers lists the other processes of the session that the process leads.
func (id Identity) sessionMembers() []Identity {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var members []Identity
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == id.PID {
			continue
		}
		if s, err := readStat(pid); err != nil || s.session != id.PID {
			continue
		}
		if m, err := Of(pid); err == nil {
			members = append(members, m)
		}
	}
	return members
}
