package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// ErrPortTaken is returned when somebody took a port between its choice and its use by a program.
var ErrPortTaken = errors.New("port taken by another program")

// Group is programs that belong together, and their folder: it has the log of each, and the records below run.
type Group struct{ Dir string }

// LogFile is where a program writes.
func (g Group) LogFile(name string) string { return filepath.Join(g.Dir, name+".log") }

func (g Group) runDir() string { return filepath.Join(g.Dir, "run") }

func (g Group) record(name string) string { return filepath.Join(g.runDir(), name+".json") }

// Prepare makes the folder.
func (g Group) Prepare() error { return os.MkdirAll(g.runDir(), 0o700) }

// Units are the programs that were started, by name.
func (g Group) Units() (map[string]Unit, error) { return LoadAll(g.runDir()) }

// Unit is one of them. The error wraps fs.ErrNotExist when it was never started.
func (g Group) Unit(name string) (Unit, error) { return Load(g.record(name)) }

// Run starts a program.
func (g Group) Run(name, program string, args, env []string) (Unit, error) {
	// HOME keeps a program from reading or writing files of the user who runs the bed.
	env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.Dir}, env...)
	return Start(g.record(name), Spec{Path: program, Args: args, Env: env, Log: g.LogFile(name)})
}

// Rerun starts a program that has ended as it was started before, once nothing of that is left.
func (g Group) Rerun(ctx context.Context, name string) error {
	u, err := g.Unit(name)
	if err == nil {
		err = u.Kill(ctx)
	}
	if err == nil {
		_, err = Start(g.record(name), u.Spec)
	}
	return err
}

// readyTimeout is for a machine whose cores are all busy with something else; a cluster starts in six seconds on an idle one.
const readyTimeout = 2 * time.Minute

// Until calls try until it returns nil. It gives up with try's last error when the time is over, or as soon as a program that is
// needed ends.
func (g Group) Until(ctx context.Context, what string, needed []string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		// One attempt must not eat the whole time when a server accepts and does not answer.
		attempt, cancelAttempt := context.WithTimeout(ctx, 5*time.Second)
		err := try(attempt)
		cancelAttempt()
		if err == nil {
			return nil
		}
		for _, name := range needed {
			u, loadErr := g.Unit(name)
			if loadErr != nil {
				return loadErr
			}
			if u.State() == Gone {
				return g.died(name)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last: %w); the logs are in %s", what, ctx.Err(), err, g.Dir)
		case <-tick.C:
		}
	}
}

// UntilListening waits until a program accepts connections at an address.
func (g Group) UntilListening(ctx context.Context, name, address string) error {
	return g.Until(ctx, "wait for "+name, []string{name}, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// died explains why a program that should run does not, with the end of its log.
func (g Group) died(name string) error {
	b, err := os.ReadFile(g.LogFile(name))
	if err != nil {
		return fmt.Errorf("%s ended: %w", name, err)
	}
	if bytes.Contains(b, []byte("address already in use")) {
		return fmt.Errorf("%s: %w", name, ErrPortTaken)
	}
	const tail = 2000
	b = bytes.TrimSpace(b[max(0, len(b)-tail):])
	return fmt.Errorf("%s ended; its log %s says:\n%s", name, g.LogFile(name), b)
}
