package seed

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestEachCallsAll(t *testing.T) {
	for _, n := range []int{0, 1, writers, 1000} {
		var seen [1000]atomic.Int32
		if err := each(t.Context(), n, func(_ context.Context, i int) error { seen[i].Add(1); return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range seen {
			want := int32(0)
			if i < n {
				want = 1
			}
			if got := seen[i].Load(); got != want {
				t.Fatalf("n = %d: index %d was called %d times", n, i, got)
			}
		}
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	full := errors.New("the store is full")
	var calls atomic.Int32
	err := each(t.Context(), 100000, func(ctx context.Context, i int) error {
		calls.Add(1)
		if i == 3 {
			return full
		}
		<-ctx.Done() // at work until the error ends all: nobody may begin another
		return ctx.Err()
	})
	if !errors.Is(err, full) || calls.Load() > writers {
		t.Errorf("error %v after %d calls", err, calls.Load())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{{Namespaces: 0}, {Namespaces: 1, Pods: -1}, {Namespaces: 1, Deployments: -1}, {Namespaces: 1, Replicas: -1}} {
		if err := Run(t.Context(), nil, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
