package fanout

import (
	"context"
	"errors"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// DefaultConcurrency is how many clusters are worked on at once when Options
// does not say.
const DefaultConcurrency = 32

// Func does the work for one cluster. It must return soon after ctx is done.
// The value counts even beside an error: it is what was got before the failure.
type Func[T any] func(ctx context.Context, c inventory.Cluster) (T, error)

// Options are the limits of one fan-out. The zero value is usable.
type Options struct {
	// Concurrency bounds the clusters worked on at once; 0 means
	// DefaultConcurrency.
	Concurrency int
	// Timeout bounds the work for one cluster, from its start; 0 means no
	// bound. A cluster cut off fails with a *DeadlineError.
	Timeout time.Duration
	// FailFast ends the whole fan-out at the first failure: the clusters at
	// work are cancelled with a *StoppedError as the cause, those not started
	// are skipped with it.
	FailFast bool
	// Observer hears of every step. Nil: nobody does.
	Observer Observer
}

// Result is one cluster's outcome.
type Result[T any] struct {
	Cluster inventory.Cluster
	// Value is what the function returned, also beside an error.
	Value T
	// Err is nil, the function's error, a *PanicError, a *DeadlineError, or a
	// *SkippedError.
	Err error
	// Elapsed is how long the function ran; 0 if it was skipped.
	Elapsed time.Duration
}

// Each runs fn for every cluster and yields each result as it is there, with
// the cluster's index in cs; every cluster is yielded exactly once. Clusters
// start in the order of cs. When the caller stops early, what is still at work
// is cancelled; Each returns only when every call of fn has.
func Each[T any](ctx context.Context, cs []inventory.Cluster, o Options, fn Func[T]) iter.Seq2[int, Result[T]] {
	return func(yield func(int, Result[T]) bool) {
		run := newRun(ctx, cs, o, func(ctx context.Context, c inventory.Cluster) (any, error) { return fn(ctx, c) })
		defer run.stop()
		for range cs {
			i := <-run.finished
			r := run.results[i]
			run.results[i] = Result[any]{} // the caller's alone from here on
			value, _ := r.Value.(T)        // an interface that is nil has no type
			if !yield(i, Result[T]{Cluster: r.Cluster, Value: value, Err: r.Err, Elapsed: r.Elapsed}) {
				return
			}
		}
	}
}

// Collect runs fn for every cluster and returns the results in the order of cs.
func Collect[T any](ctx context.Context, cs []inventory.Cluster, o Options, fn Func[T]) Results[T] {
	results := make(Results[T], len(cs))
	for i, r := range Each(ctx, cs, o, fn) {
		results[i] = r
	}
	return results
}

// run is one fan-out at work. It does not know the type of the values: the compiler would
// make all of it anew for each.
type run struct {
	options  Options
	fn       Func[any]
	clusters []inventory.Cluster
	results  []Result[any]
	finished chan int // indexes into results, each once
	cancel   context.CancelCauseFunc
	workers  sync.WaitGroup
}

func newRun(parent context.Context, cs []inventory.Cluster, o Options, fn Func[any]) *run {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Observer == nil {
		o.Observer = silent{}
	}
	ctx, cancel := context.WithCancelCause(parent)
	r := &run{
		options: o, fn: fn, clusters: cs, cancel: cancel,
		results:  make([]Result[any], len(cs)),
		finished: make(chan int, len(cs)), // room for all: a worker never waits for the reader
	}
	next := make(chan int)
	r.workers.Go(func() {
		defer close(next)
		for i := range cs {
			next <- i
		}
	})
	for range min(o.Concurrency, len(cs)) {
		r.workers.Go(func() {
			for i := range next {
				r.work(ctx, i)
			}
		})
	}
	return r
}

// stop cancels what is still at work and waits for it.
func (r *run) stop() {
	r.cancel(context.Canceled)
	r.workers.Wait()
}

func (r *run) work(ctx context.Context, i int) {
	c := r.clusters[i]
	result := Result[any]{Cluster: c}
	if ctx.Err() != nil {
		result.Err = &SkippedError{Cause: context.Cause(ctx)}
	} else {
		r.options.Observer.Observe(Event{Kind: Started, Cluster: c.Name})
		start := time.Now()
		result.Value, result.Err = r.call(ctx, c)
		result.Elapsed = time.Since(start)
		if result.Err != nil && r.options.FailFast {
			r.cancel(&StoppedError{First: c.Name, Err: result.Err})
		}
	}
	r.results[i] = result
	r.options.Observer.Observe(Event{Kind: Finished, Cluster: c.Name, Err: result.Err, Elapsed: result.Elapsed})
	r.finished <- i
}

func (r *run) call(ctx context.Context, c inventory.Cluster) (value any, err error) {
	if r.options.Timeout > 0 {
		deadline := &DeadlineError{Timeout: r.options.Timeout}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.options.Timeout, deadline)
		defer cancel()
		defer func() {
			// The function reports the cut in its own words ("context deadline
			// exceeded", or worse); the bound that did it is what helps.
			if err != nil && errors.Is(context.Cause(ctx), deadline) {
				err = deadline
			}
		}()
	}
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return r.fn(ctx, c)
}

// Results are the outcomes of one fan-out, in the order of the clusters given.
type Results[T any] []Result[T]
