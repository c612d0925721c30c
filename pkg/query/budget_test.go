package query

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10)
		take := func(ctx context.Context, i int, bytes int64) <-chan error {
			done := make(chan error, 1)
			go func() { done <- b.take(ctx, i, bytes) }()
			synctest.Wait()
			return done
		}
		waits := func(done <-chan error) bool {
			synctest.Wait()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				return false
			default:
				return true
			}
		}
		if waits(take(t.Context(), 1, 8)) {
			t.Error("8 of 10 must wait")
		}
		second := take(t.Context(), 2, 8)
		if !waits(second) {
			t.Error("16 of 10 need not wait")
		}
		if waits(take(t.Context(), 0, 8)) {
			t.Error("the reader whose turn it is must wait")
		}
		b.turn(2)
		if waits(second) {
			t.Error("its turn has come, and it still waits")
		}
		third := take(t.Context(), 3, 8)
		b.give(16)
		if !waits(third) {
			t.Error("8 used and 8 more of 10 need not wait")
		}
		b.give(8)
		if waits(third) {
			t.Error("all was given back, and it still waits")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		fourth := take(ctx, 4, 8)
		why := errors.New("enough")
		cancel(why)
		synctest.Wait()
		if err := <-fourth; !errors.Is(err, why) {
			t.Errorf("cancelled: %v", err)
		}
	})
}
