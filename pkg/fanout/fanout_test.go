package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func clusters(n int) []inventory.Cluster {
	cs := make([]inventory.Cluster, n)
	for i := range cs {
		cs[i].Name = fmt.Sprintf("c%d", i)
	}
	return cs
}

// index is the number in a cluster's name.
func index(c inventory.Cluster) int {
	var i int
	_, _ = fmt.Sscanf(c.Name, "c%d", &i)
	return i
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestCollectKeepsInputOrderAndPartialValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		got := fanout.Collect(t.Context(), clusters(4), fanout.Options{}, func(ctx context.Context, c inventory.Cluster) (int, error) {
			i := index(c)
			_ = sleep(ctx, time.Duration(4-i)*time.Second)
			if i == 2 {
				return 42, boom
			}
			return i, nil
		})
		for i, want := range []int{0, 1, 42, 3} {
			if got[i].Cluster.Name != fmt.Sprintf("c%d", i) || got[i].Value != want {
				t.Errorf("result %d is %s=%d, want c%d=%d", i, got[i].Cluster.Name, got[i].Value, i, want)
			}
			if want := time.Duration(4-i) * time.Second; got[i].Elapsed != want {
				t.Errorf("c%d took %s, want %s", i, got[i].Elapsed, want)
			}
		}
		failed := got.Failures(func(v int) int { return v })
		if len(failed) != 1 || failed[0].Cluster != "c2" || !errors.Is(failed[0].Err, boom) || failed[0].Rows != 42 {
			t.Errorf("failed: %v, want c2 alone with its error and rows", failed)
		}
	})
}

func TestEachYieldsAsResultsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var order []int
		for i, r := range fanout.Each(t.Context(), clusters(3), fanout.Options{}, func(ctx context.Context, c inventory.Cluster) (int, error) {
			return 0, sleep(ctx, time.Duration(3-index(c))*time.Second)
		}) {
			order = append(order, i)
			if want := time.Duration(3-i) * time.Second; time.Since(start) != want || r.Elapsed != want {
				t.Errorf("c%d was yielded after %s, want %s", i, time.Since(start), want)
			}
		}
		if want := []int{2, 1, 0}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestConcurrencyIsBoundedAndStartsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, peak atomic.Int32
		var mu sync.Mutex
		var started []int
		begin := time.Now()
		fanout.Collect(t.Context(), clusters(10), fanout.Options{Concurrency: 3}, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
			now := at.Add(1)
			defer at.Add(-1)
			for p := peak.Load(); now > p && !peak.CompareAndSwap(p, now); p = peak.Load() {
			}
			mu.Lock()
			started = append(started, index(c)/3)
			mu.Unlock()
			return struct{}{}, sleep(ctx, time.Second)
		})
		if peak.Load() != 3 {
			t.Errorf("%d at once, want 3", peak.Load())
		}
		if took := time.Since(begin); took != 4*time.Second {
			t.Errorf("10 clusters of 1s, 3 at once, took %s, want 4s", took)
		}
		if !slices.IsSorted(started) {
			t.Errorf("rounds started out of order: %v", started)
		}
	})
}

func TestDeadlineCutsOneClusterOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		got := fanout.Collect(t.Context(), clusters(3), fanout.Options{Timeout: 10 * time.Second}, func(ctx context.Context, c inventory.Cluster) (string, error) {
			if c.Name == "c1" {
				<-ctx.Done()
				return "half", fmt.Errorf("read: %w", ctx.Err())
			}
			return "whole", sleep(ctx, 9*time.Second)
		})
		var deadline *fanout.DeadlineError
		if !errors.As(got[1].Err, &deadline) || deadline.Timeout != 10*time.Second {
			t.Errorf("c1 failed with %v, want the deadline of 10s", got[1].Err)
		}
		if got[1].Value != "half" {
			t.Errorf("c1's partial value is %q", got[1].Value)
		}
		if got[0].Err != nil || got[2].Err != nil {
			t.Errorf("the others failed: %v, %v", got[0].Err, got[2].Err)
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("took %s, want 10s", took)
		}
	})
}

func TestDeadlineRunsFromEachStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := fanout.Collect(t.Context(), clusters(4), fanout.Options{Timeout: 10 * time.Second, Concurrency: 1}, func(ctx context.Context, _ inventory.Cluster) (struct{}, error) {
			return struct{}{}, sleep(ctx, 8*time.Second)
		})
		if failed := got.Failures(nil); len(failed) > 0 {
			t.Errorf("waiting for a turn was counted: %v", failed[0].Err)
		}
	})
}

func TestFailFastCancelsTheRestWithTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		got := fanout.Collect(t.Context(), clusters(5), fanout.Options{Concurrency: 2, FailFast: true}, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
			if c.Name == "c0" {
				_ = sleep(ctx, time.Second)
				return struct{}{}, boom
			}
			return struct{}{}, sleep(ctx, time.Hour)
		})
		if !errors.Is(got[0].Err, boom) {
			t.Errorf("c0: %v", got[0].Err)
		}
		var stopped *fanout.StoppedError
		if !errors.As(got[1].Err, &stopped) || stopped.First != "c0" {
			t.Errorf("c1 was at work and has %v, want a StoppedError that names c0", got[1].Err)
		}
		for _, r := range got[2:] {
			var skipped *fanout.SkippedError
			if !errors.As(r.Err, &skipped) || !errors.As(r.Err, &stopped) || !errors.Is(r.Err, boom) {
				t.Errorf("%s never started and has %v, want a SkippedError with the cause", r.Cluster.Name, r.Err)
			}
		}
	})
}

func TestWithoutFailFastAllAreTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		got := fanout.Collect(t.Context(), clusters(6), fanout.Options{Concurrency: 1}, func(context.Context, inventory.Cluster) (struct{}, error) {
			calls.Add(1)
			return struct{}{}, errors.New("no")
		})
		if calls.Load() != 6 || len(got.Failures(nil)) != 6 {
			t.Errorf("%d calls, %d failures, want 6 of each", calls.Load(), len(got.Failures(nil)))
		}
	})
}

func TestPanicIsThatClustersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := fanout.Collect(t.Context(), clusters(3), fanout.Options{}, func(_ context.Context, c inventory.Cluster) (string, error) {
			if c.Name == "c1" {
				panic("lost my head")
			}
			return "fine", nil
		})
		var p *fanout.PanicError
		if !errors.As(got[1].Err, &p) || p.Value != "lost my head" || len(p.Stack) == 0 {
			t.Errorf("c1: %v, want its panic with a stack", got[1].Err)
		}
		if got[0].Value != "fine" || got[2].Value != "fine" {
			t.Error("a panic reached the other clusters")
		}
	})
}

func TestCancelledCallerSkipsWhatHasNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		got := fanout.Collect(ctx, clusters(3), fanout.Options{Concurrency: 1}, func(ctx context.Context, _ inventory.Cluster) (struct{}, error) {
			return struct{}{}, sleep(ctx, time.Minute)
		})
		for i, r := range got {
			var skipped *fanout.SkippedError
			if !errors.Is(r.Err, why) || errors.As(r.Err, &skipped) != (i > 0) {
				t.Errorf("%s: %v", r.Cluster.Name, r.Err)
			}
		}
	})
}

// Breaking out of Each must cancel and wait: synctest fails the test if any
// goroutine is left when it ends.
func TestLeavingEachEarlyLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		for range fanout.Each(t.Context(), clusters(20), fanout.Options{Concurrency: 4}, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
			running.Add(1)
			defer running.Add(-1)
			if c.Name == "c0" {
				return struct{}{}, nil
			}
			<-ctx.Done()
			time.Sleep(time.Second) // slow to let go
			return struct{}{}, ctx.Err()
		}) {
			break
		}
		if n := running.Load(); n != 0 {
			t.Errorf("%d still at work after Each returned", n)
		}
	})
}

func TestNoClusters(t *testing.T) {
	got := fanout.Collect(t.Context(), nil, fanout.Options{}, func(context.Context, inventory.Cluster) (int, error) { return 0, nil })
	if len(got) != 0 {
		t.Errorf("%v", got)
	}
}

type recorder struct {
	mu     sync.Mutex
	events []fanout.Event
}

func (r *recorder) Observe(e fanout.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func TestObserverHearsEveryStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		var r recorder
		fanout.Collect(t.Context(), clusters(2), fanout.Options{Concurrency: 1, FailFast: true, Observer: &r}, func(context.Context, inventory.Cluster) (struct{}, error) {
			time.Sleep(time.Second)
			return struct{}{}, boom
		})
		if len(r.events) != 3 {
			t.Fatalf("%d events: %v, want c0 started, c0 finished, c1 finished", len(r.events), r.events)
		}
		if e := r.events[0]; e.Kind != fanout.Started || e.Cluster != "c0" {
			t.Errorf("first: %v", e)
		}
		if e := r.events[1]; e.Kind != fanout.Finished || !errors.Is(e.Err, boom) || e.Elapsed != time.Second {
			t.Errorf("second: %v", e)
		}
		if e := r.events[2]; e.Kind != fanout.Finished || e.Cluster != "c1" || e.Elapsed != 0 {
			t.Errorf("third: %v", e)
		}
	})
}
