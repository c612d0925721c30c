// Package filelock keeps two processes from doing the same work on the same folder at the same time.
package filelock

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Lock is a held lock. It ends with Unlock or with the process that holds it, however that ends.
type Lock struct{ file *os.File }

// Acquire waits for the lock on path, creating the file when there is none. When it has to wait, it calls waiting once.
func Acquire(ctx context.Context, path string, waiting func()) (*Lock, error) {
	for told := false; ; {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		// A holder may have removed the file on its way out: a lock on a file that is not there any more guards nothing.
		if err == nil && same(f, path) {
			return &Lock{f}, nil
		}
		_ = f.Close()
		if err == nil {
			continue
		}
		if !told {
			told = true
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s, which another process holds: %w", path, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Unlock gives the lock up.
func (l *Lock) Unlock() { _ = l.file.Close() }

// Remove deletes the file and gives the lock up, so that nothing of it is left.
func (l *Lock) Remove() error {
	defer l.Unlock()
	return os.Remove(l.file.Name())
}

func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
