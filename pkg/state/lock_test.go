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
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// leases is an API server that has one Lease.
type leases struct {
	mu      sync.Mutex
	lease   *coordinationv1.Lease
	version int
	// updates counts those that were asked for; swallow of them is done, and never
	// answered.
	updates, swallow int
	// begins, if not nil, hears of each update, which takes slow to be done.
	begins chan struct{}
	slow   time.Duration
}

// ServeHTTP implements http.Handler.
func (l *leases) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut && l.begins != nil {
		l.begins <- struct{}{}
		time.Sleep(l.slow)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r.Method {
	case http.MethodPost, http.MethodPut:
		var sent coordinationv1.Lease
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			panic(err)
		}
		if l.lease != nil && sent.ResourceVersion != l.lease.ResourceVersion {
			conflict(w)
			return
		}
		l.version++
		sent.UID, sent.ResourceVersion = "u", strconv.Itoa(l.version)
		l.lease = &sent
		if r.Method == http.MethodPut {
			l.updates++
			if l.updates == l.swallow {
				l.mu.Unlock()
				<-r.Context().Done()
				l.mu.Lock()
				return
			}
		}
	case http.MethodDelete:
		var asked metav1.DeleteOptions
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			panic(err)
		}
		if *asked.Preconditions.ResourceVersion != l.lease.ResourceVersion {
			conflict(w)
			return
		}
		l.lease = nil
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(l.lease)
}

func conflict(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusConflict)
	_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonConflict, Code: http.StatusConflict})
}

// renewals is how often the lease was renewed.
func (l *leases) renewals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.updates
}

// takenOver makes the lease somebody else's.
func (l *leases) takenOver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version++
	l.lease.ResourceVersion, l.lease.Spec.HolderIdentity = strconv.Itoa(l.version), new("somebody else")
}

type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) { return a.config, nil }

func (l *leases) store(t *testing.T) state.Store {
	t.Helper()
	return storeAt(t, httptest.NewServer(l))
}

// storeAt is the store of a server that ends with the test.
func storeAt(t *testing.T, server *httptest.Server) state.Store {
	t.Helper()
	t.Cleanup(server.Close)
	m, err := member.NewPool(member.Options{}).Member(t.Context(), inventory.Cluster{Name: "c", Server: server.URL, Access: access{&rest.Config{Host: server.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	return state.Store{Member: m, Namespace: "kubectl-fleet"}
}

// until waits for what must come. It is no measure of speed.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// A renewal that was done, and whose answer was lost, is known again as ours.
func TestARenewalsAnswerIsLost(t *testing.T) {
	t.Parallel()
	l := &leases{swallow: 1}
	held, lock, err := l.store(t).Acquire(t.Context(), "scale", "me")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is not renewed again", func() bool { return l.renewals() >= 3 || held.Err() != nil })
	if held.Err() != nil {
		t.Fatalf("the lock is lost: %v", context.Cause(held))
	}
	lock.Release(t.Context())
	if l.lease != nil {
		t.Errorf("it is held still: %v", l.lease)
	}
}

// A renewal that is under way when the lock is given back does not make it anew, as a
// PUT of a Lease does that is gone.
func TestALockIsGivenBackWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	l := &leases{begins: make(chan struct{}, 1), slow: 500 * time.Millisecond}
	_, lock, err := l.store(t).Acquire(t.Context(), "scale", "me")
	if err != nil {
		t.Fatal(err)
	}
	<-l.begins
	lock.Release(t.Context())
	time.Sleep(2 * l.slow)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lease != nil {
		t.Errorf("it is there: %v", l.lease)
	}
}

// A lease that is somebody else's is lost, and left to them.
func TestALockIsTakenOver(t *testing.T) {
	t.Parallel()
	l := &leases{}
	held, lock, err := l.store(t).Acquire(t.Context(), "scale", "me")
	if err != nil {
		t.Fatal(err)
	}
	l.takenOver()
	until(t, "nobody notices", func() bool { return held.Err() != nil })
	if !errors.Is(context.Cause(held), state.ErrLockLost) {
		t.Error(context.Cause(held))
	}
	lock.Release(t.Context())
	if l.lease == nil {
		t.Error("it was taken from who holds it")
	}
}
