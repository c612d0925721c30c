package bed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/filelock"
)

// Down ends all processes of the bed in a folder and removes what the bed put there; the folder too, when nothing else is in it.
// It returns ErrNone when there is no bed.
func Down(ctx context.Context, dir string, log func(format string, args ...any)) error {
	lock, err := filelock.Acquire(ctx, lockFile(dir), func() { log("wait for another testbed command on %s", dir) })
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNone // not even a folder
	}
	if err != nil {
		return err
	}
	b, err := Open(dir)
	if err == nil {
		err = b.stop(ctx)
	}
	if err == nil {
		err = b.remove()
	}
	if err != nil && !errors.Is(err, ErrNone) {
		lock.Unlock()
		return err
	}
	if e := lock.Remove(); e != nil {
		return e
	}
	// It fails when somebody else keeps something there, and then it should.
	_ = os.Remove(dir)
	return err
}

// stop ends the processes of all clusters, and then what they used.
func (b *Bed) stop(ctx context.Context) error {
	clusters := b.Running()
	errs := make([]error, len(clusters))
	var wg sync.WaitGroup
	for i, c := range clusters {
		wg.Go(func() { errs[i] = c.Stop(ctx) })
	}
	wg.Wait()
	err := errors.Join(errs...)
	for _, s := range b.Services() {
		err = errors.Join(err, s.Stop(ctx))
	}
	return err
}

// remove deletes the files of a bed whose processes have ended; bed.json last, so that a second try finds what the first one left.
func (b *Bed) remove() error {
	for _, g := range b.groups() {
		if err := os.RemoveAll(g.Dir); err != nil {
			return err
		}
	}
	for _, f := range []string{b.Kubeconfig(), b.file() + ".new", b.file()} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
