package patience_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

func TestTry(t *testing.T) {
	away := &member.Error{Reason: member.ReasonUnreachable, Err: errors.New("connection reset")}
	never := &member.Error{Reason: member.ReasonForbidden, Err: errors.New("no")}
	busy := apierrors.NewTooManyRequests("later", 7)
	for _, test := range []struct {
		what    string
		answers []error // the last again and again
		want    error
		tries   int
		least   time.Duration
		most    time.Duration
	}{
		{"at once", []error{nil}, nil, 1, 0, 0},
		{"in the end", []error{away, away, nil}, nil, 3, 600 * time.Millisecond, 600 * time.Millisecond},
		{"as the server asks", []error{busy, nil}, nil, 2, 7 * time.Second, 7 * time.Second},
		{"what does not pass", []error{away, never}, never, 2, 200 * time.Millisecond, 200 * time.Millisecond},
		{"a conflict is an answer", []error{apierrors.NewConflict(schema.GroupResource{}, "n", nil)}, apierrors.NewConflict(schema.GroupResource{}, "n", nil), 1, 0, 0},
		{"for too long", []error{away}, away, 0, time.Minute, time.Minute + 5*time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			began, tries := time.Now(), 0
			err := patience.Try(t.Context(), func() error {
				tries++
				return test.answers[min(tries, len(test.answers))-1]
			})
			took := time.Since(began)
			if (err == nil) != (test.want == nil) || err != nil && err.Error() != test.want.Error() {
				t.Errorf("%s: %v, want %v", test.what, err, test.want)
			}
			if test.tries != 0 && tries != test.tries || took < test.least || took > test.most {
				t.Errorf("%s: %d times in %s", test.what, tries, took)
			}
		})
	}
}

// Ctrl-C, or a lock that was lost, ends the waiting with its own reason.
func TestTryEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("the lock was lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(lost) })
		err := patience.Try(ctx, func() error { return &member.Error{Reason: member.ReasonServerError, Err: errors.New("503")} })
		if !errors.Is(err, lost) {
			t.Errorf("it ended with %v", err)
		}
	})
}
