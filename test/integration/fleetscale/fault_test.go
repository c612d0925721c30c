package fleetscale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
)

// fault is what goes wrong with some requests.
type fault struct {
	on func(*http.Request) bool
	// times is how often it goes wrong; 0: until healed.
	times  int
	answer meddle.Meddler
	// least is how long the server asked to wait.
	least time.Duration

	mu     sync.Mutex
	healed bool
	hits   int
	asked  []time.Time
}

func (f *fault) meets(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on(r) {
		return false
	}
	f.asked = append(f.asked, time.Now())
	if f.healed || f.times > 0 && f.hits == f.times {
		return false
	}
	f.hits++
	return true
}

func (f *fault) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = true
}

// met fails the test unless it went wrong as often as it should, and whoever was told
// to come back later has waited.
func (f *fault) met(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hits == 0 || f.times > 0 && f.hits != f.times {
		t.Fatalf("it went wrong %d times, want %d", f.hits, f.times)
	}
	for i, at := range f.asked[1:] {
		if gap := at.Sub(f.asked[i]); i < f.hits && gap < f.least {
			t.Errorf("it was asked again after %s, and had said %s", gap, f.least)
		}
	}
}

// faulty is a cluster with faults before it. The first that is on a request has it.
func faulty(t *testing.T, e *estate, faults ...*fault) *clientcmdapi.Cluster {
	t.Helper()
	return meddle.Before(t, e.Fleet.RESTConfig(t, e.Cluster), func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		for _, f := range faults {
			if f.meets(r) {
				f.answer(w, r, server)
				return
			}
		}
		server.ServeHTTP(w, r)
	})
}

// before puts faults between the plugin and the estate's cluster.
func (e *estate) before(t *testing.T, faults ...*fault) {
	t.Helper()
	e.kubeconfig = meddle.Kubeconfig(t, map[string]*clientcmdapi.Cluster{e.Cluster: faulty(t, e, faults...)})
}

// leave are the flags by which nodes leave quickly, one after the other, remembered in
// the estate's namespace.
func (e *estate) leave(nodes ...string) []string {
	return []string{
		"down", "-C", e.Cluster, "--nodes", strings.Join(nodes, ","), "--parallel", "1", "--settle", "200ms", "--reserve=false", "--state-namespace", e.Name,
		"--remove-with", "node", "--i-stopped-the-kubelet", "--node-gone-for", "200ms", "--yes",
	}
}

// resume goes on with what leave began.
func (e *estate) resume(t *testing.T) result {
	t.Helper()
	return e.run(t, "resume", "-C", e.Cluster, "--state-namespace", e.Name)
}

// The requests that faults are on.
func isEviction(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/eviction") }
func isNode(r *http.Request) bool     { return strings.HasPrefix(r.URL.Path, "/api/v1/nodes/") }
func isMark(r *http.Request) bool     { return r.Method == http.MethodPut && isNode(r) }
func isRemoval(r *http.Request) bool  { return r.Method == http.MethodDelete && isNode(r) }
func isWatch(r *http.Request) bool    { return r.URL.Query().Get("watch") == "true" }
func isLook(r *http.Request) bool     { return r.Method == http.MethodGet && r.URL.Path == "/api/v1/nodes" }
func isRead(r *http.Request) bool     { return r.Method == http.MethodGet && isNode(r) }
func isLock(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/leases/")
}
func isSave(r *http.Request) bool    { return r.Method == http.MethodPut && isJournal(r) }
func isFirst(r *http.Request) bool   { return r.Method == http.MethodPost && isJournal(r) }
func isJournal(r *http.Request) bool { return strings.Contains(r.URL.Path, "/secrets") }

func whatever(*http.Request) bool { return true }

// later is what is met from the first eviction on.
func later(on func(*http.Request) bool) func(*http.Request) bool {
	begun := false
	return func(r *http.Request) bool {
		begun = begun || isEviction(r)
		return begun && on(r)
	}
}

// says answers with a Status.
func says(code int, reason metav1.StatusReason, message string, details *metav1.StatusDetails) meddle.Meddler {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message, Details: details,
		})
	}
}

// takenOver is the renewal of a lock that somebody else has taken meanwhile.
func takenOver(w http.ResponseWriter, r *http.Request, server http.Handler) {
	var lease coordinationv1.Lease
	if err := json.NewDecoder(r.Body).Decode(&lease); err != nil {
		panic(err)
	}
	lease.Spec.HolderIdentity = new("somebody else")
	body, err := json.Marshal(lease)
	if err != nil {
		panic(err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	server.ServeHTTP(httptest.NewRecorder(), r)
	says(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified", nil)(w, r, server)
}

// flowControl is how an API server says that it has too much to do
// (k8s.io/apiserver, pkg/server/filters).
func flowControl(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Retry-After", "2")
	http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
}

// budgetSaysNo is the 429 of a budget.
func budgetSaysNo() meddle.Meddler {
	return says(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.", &metav1.StatusDetails{
		Causes: []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget web needs 3 healthy pods and has 3 currently"}},
	})
}

// unavailable is the 503 of an API server that ends.
func unavailable() meddle.Meddler {
	return says(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "apiserver is shutting down", nil)
}

// failed is the 500 of an API server without its store.
func failed() meddle.Meddler {
	return says(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcdserver: leader changed", nil)
}

// reset breaks the connection off before the server hears of the request.
func reset(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// lost breaks the connection off when the server has done the request.
func lost(_ http.ResponseWriter, r *http.Request, server http.Handler) {
	server.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// ends lets the server end a watch after a second.
func ends(w http.ResponseWriter, r *http.Request, server http.Handler) {
	query := r.URL.Query()
	query.Set("timeoutSeconds", "1")
	r.URL.RawQuery = query.Encode()
	server.ServeHTTP(w, r)
}

// breaks cuts a watch off after a moment.
func breaks(w http.ResponseWriter, r *http.Request, server http.Handler) {
	ctx, cancel := context.WithTimeout(r.Context(), 500*time.Millisecond)
	defer cancel()
	server.ServeHTTP(w, r.WithContext(ctx))
	panic(http.ErrAbortHandler)
}

// silent takes a watch up, and never says anything.
func silent(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if f, is := w.(http.Flusher); is {
		f.Flush()
	}
	<-r.Context().Done()
}
