package query

import (
	"context"
	"sync"
)

// budget bounds the memory of answers that wait for their turn. Readers take
// from it before they ask for a page; the reader whose turn it is always gets
// one, so that the others' pages can never hold up the output.
type budget struct {
	mu    sync.Mutex
	freed *sync.Cond
	used  int64
	limit int64
	head  int // index of the reader whose turn it is
}

func newBudget(limit int64) *budget {
	b := &budget{limit: limit}
	b.freed = sync.NewCond(&b.mu)
	return b
}

// take waits until reader i may use so many bytes more, or ctx is done.
func (b *budget) take(ctx context.Context, i int, bytes int64) error {
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.freed.Broadcast()
	})
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i != b.head && b.used+bytes > b.limit && ctx.Err() == nil {
		b.freed.Wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.used += bytes
	return nil
}

// give returns bytes that were taken; a negative number takes more, without
// waiting.
func (b *budget) give(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= bytes
	b.freed.Broadcast()
}

// turn says whose turn it is.
func (b *budget) turn(i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head = i
	b.freed.Broadcast()
}
