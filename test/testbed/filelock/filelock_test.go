package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOnlyOneHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(t.Context(), path, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	waited := 0
	if _, err := Acquire(ctx, path, func() { waited++ }); !errors.Is(err, context.DeadlineExceeded) || waited != 1 {
		t.Errorf("second Acquire: %v, said so %d times; want a deadline and once", err, waited)
	}
	first.Unlock()
	second, err := Acquire(t.Context(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	second.Unlock()
}

// Who waited while the holder removed the file must not end up with a lock that nobody else sees.
func TestRemovedFileIsNotALock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(t.Context(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *Lock)
	waiting := make(chan struct{})
	go func() {
		l, err := Acquire(t.Context(), path, func() { close(waiting) })
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	<-waiting
	if err := first.Remove(); err != nil {
		t.Fatal(err)
	}
	second := <-got
	defer second.Unlock()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the second holder's file: %v", err)
	}
}
