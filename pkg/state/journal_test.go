package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// secrets is an API server that has one Secret.
type secrets struct {
	mu      sync.Mutex
	secret  *corev1.Secret
	version int
	// swallowed, if not nil, is called for each write that is done and not answered.
	swallowed func()
}

// ServeHTTP implements http.Handler.
func (s *secrets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	swallowed := s.answer(w, r)
	s.mu.Unlock()
	if swallowed != nil {
		swallowed()
		<-r.Context().Done()
	}
}

func (s *secrets) answer(w http.ResponseWriter, r *http.Request) (swallowed func()) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet {
		var sent corev1.Secret
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			panic(err)
		}
		if s.secret != nil && sent.ResourceVersion != s.secret.ResourceVersion {
			reason := metav1.StatusReasonConflict
			if r.Method == http.MethodPost {
				reason = metav1.StatusReasonAlreadyExists
			}
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Reason: reason, Code: http.StatusConflict})
			return nil
		}
		s.version++
		sent.UID, sent.ResourceVersion = "u", strconv.Itoa(s.version)
		s.secret = &sent
		if s.swallowed != nil {
			return s.swallowed
		}
	}
	_ = json.NewEncoder(w).Encode(s.secret)
	return nil
}

// set changes the server.
func (s *secrets) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// A write that was done, and of which nothing was heard until the time was over, is no
// other's: the next one comes after it. What another has written meanwhile is left alone.
func TestAWriteIsNotHeardOf(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"the first": true, "a later one": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &secrets{}
			store := storeAt(t, httptest.NewServer(server))
			j := store.NewJournal("run", nil)
			if !first {
				if err := j.Save(t.Context(), "begun"); err != nil {
					t.Fatal(err)
				}
			}
			for _, value := range []string{"meant", "meant once more"} {
				ctx, end := context.WithCancel(t.Context())
				server.set(func() { server.swallowed = end })
				if err := j.Save(ctx, value); err == nil {
					t.Fatal("it says that it was written")
				}
				server.set(func() { server.swallowed = nil })
			}
			if err := j.Save(t.Context(), "ended"); err != nil {
				t.Fatalf("it is not written any more: %v", err)
			}
			if got := kept(t, store); got != "ended" {
				t.Errorf("there is %q", got)
			}

			ctx, end := context.WithCancel(t.Context())
			server.set(func() { server.swallowed = end })
			if err := j.Save(ctx, "meant"); err == nil {
				t.Fatal("it says that it was written")
			}
			server.set(func() { server.swallowed = nil })
			other, err := store.Journal(t.Context(), "run")
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Save(t.Context(), "another's"); err != nil {
				t.Fatal(err)
			}
			if err := j.Save(t.Context(), "ended"); !errors.Is(err, state.ErrChanged) {
				t.Errorf("it is written over: %v", err)
			}
			if got := kept(t, store); got != "another's" {
				t.Errorf("there is %q", got)
			}
		})
	}
}

// kept is what the journal has.
func kept(t *testing.T, store state.Store) (value string) {
	t.Helper()
	j, err := store.Journal(t.Context(), "run")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
