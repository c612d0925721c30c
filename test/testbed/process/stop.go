package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
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
