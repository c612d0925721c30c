package progress_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/progress"
)

// screen is the last line of a terminal, as a person sees it.
type screen struct {
	mu   sync.Mutex
	line string
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part := range bytes.SplitSeq(p, []byte("\r")) {
		if rest, erased := bytes.CutPrefix(part, []byte("\x1b[K")); erased {
			s.line, part = "", rest
		}
		s.line += string(part)
	}
	return len(p), nil
}

func (s *screen) shows() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}

func TestWaitingNamesWhatIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		w := progress.NewWaiting(s, []string{"west", "east", "apac"})
		if s.shows() != "" {
			t.Errorf("says %q at once", s.line)
		}
		w.Observe(fanout.Event{Kind: fanout.Finished, Cluster: "east"})
		time.Sleep(progress.Patience + time.Millisecond)
		if got := s.shows(); got != "waiting for 2 of 3: apac, west" {
			t.Errorf("after a second: %q", got)
		}
		w.Observe(fanout.Event{Kind: fanout.Finished, Cluster: "west"})
		if got := s.shows(); got != "waiting for 1 of 3: apac" {
			t.Errorf("one less: %q", got)
		}
		w.Observe(fanout.Event{Kind: fanout.Finished, Cluster: "apac"})
		if got := s.shows(); got != "" {
			t.Errorf("all are there, and it says %q", got)
		}
		w.Done()
	})
}

func TestWaitingSaysNothingToTheQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		w := progress.NewWaiting(s, []string{"a"})
		time.Sleep(progress.Patience / 2)
		w.Done()
		time.Sleep(time.Minute)
		if got := s.shows(); got != "" {
			t.Errorf("%q", got)
		}
	})
}

func TestWaitingCleansUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		var names []string
		for i := range 9 {
			names = append(names, fmt.Sprintf("c%d", i))
		}
		w := progress.NewWaiting(s, names)
		time.Sleep(2 * progress.Patience)
		if got := s.shows(); !strings.HasSuffix(got, "c3 and 5 more") {
			t.Errorf("%q", got)
		}
		w.Done()
		if got := s.shows(); got != "" {
			t.Errorf("left %q behind", got)
		}
	})
}
