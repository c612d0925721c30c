package fakefleet

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one way in which a server fails.
type Fault struct {
	// Kind is one of the constants below, or a code such as "403": that Status.
	Kind FaultKind
	// On is a resource ("pods") or the beginning of a path ("/readyz"). Empty:
	// every request.
	On string
	// After is how many requests that match are answered first.
	After int
	// Text is the fault's argument, where it has one.
	Text string

	seen int
}

// FaultKind is the name of a fault.
type FaultKind string

// The faults.
const (
	// FaultRefuse closes the port, for good.
	FaultRefuse FaultKind = "refuse"
	// FaultMute accepts connections and never says anything, TLS included.
	FaultMute FaultKind = "mute"
	// FaultUntrusted puts a CA in the kubeconfig that did not sign the server.
	FaultUntrusted FaultKind = "untrusted"
	// FaultHang takes the request and never answers.
	FaultHang FaultKind = "hang"
	// FaultStall sends half of the answer and no more.
	FaultStall FaultKind = "stall"
	// FaultReset sends half of the answer and resets the connection.
	FaultReset FaultKind = "reset"
	// FaultHalf sends half of the answer and closes the connection.
	FaultHalf FaultKind = "half"
	// FaultTruncate sends half of the JSON as if it were all.
	FaultTruncate FaultKind = "truncate"
	// FaultHTML answers 200 with a page, as a captive portal does.
	FaultHTML FaultKind = "html"
	// FaultExpire answers requests for a further page with 410.
	FaultExpire FaultKind = "expire"
	// FaultUnready makes the checks in Text fail, separated by commas.
	FaultUnready FaultKind = "unready"
	// FaultWarn adds Text as a Warning header.
	FaultWarn FaultKind = "warn"
	// FaultSlow answers after the duration in Text.
	FaultSlow FaultKind = "slow"
	// FaultLegacy has no aggregated discovery.
	FaultLegacy FaultKind = "legacy"
	// FaultDeny gives no right to the verbs in Text, separated by commas: reviews
	// of access say so, and requests that want them get a 403.
	FaultDeny FaultKind = "deny"
	// FaultNoTables answers with objects who asks for a Table, as aggregated
	// API servers may.
	FaultNoTables FaultKind = "notables"
)

// AddFault makes the server fail from now on. Of several faults the first added
// comes first.
func (s *Server) AddFault(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Kind {
	case FaultRefuse:
		if err := s.accept.refuse(); err != nil {
			return err
		}
		s.http.CloseClientConnections()
		return nil
	case FaultMute:
		s.accept.setMute(true)
		s.http.CloseClientConnections()
		return nil
	case FaultUntrusted:
		ca, err := foreignCA()
		s.CA = ca
		return err
	case FaultHang, FaultStall, FaultReset, FaultHalf, FaultTruncate, FaultHTML, FaultExpire, FaultUnready, FaultWarn, FaultLegacy, FaultNoTables, FaultDeny:
	case FaultSlow:
		if _, err := time.ParseDuration(f.Text); err != nil {
			return err
		}
	default:
		if code, err := strconv.Atoi(string(f.Kind)); err != nil || code < http.StatusBadRequest {
			return fmt.Errorf("there is no fault %q", f.Kind)
		}
	}
	s.faults = append(s.faults, &f)
	return nil
}

// Heal takes the faults back that are added to answers.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	s.accept.setMute(false)
}

// faultsFor lists the faults that are due on a request.
func (s *Server) faultsFor(r *http.Request, at location) []*Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.faults), func(f *Fault) bool {
		if !f.concerns(r, at) {
			return true
		}
		f.seen++
		return f.seen <= f.After
	})
}

func (f *Fault) concerns(r *http.Request, at location) bool {
	switch {
	case f.Kind == FaultExpire && !r.URL.Query().Has("continue"),
		f.Kind == FaultUnready && at.Path != "/readyz",
		f.Kind == FaultDeny && !f.denies(verbOf(r, at)),
		f.Kind == FaultLegacy && at.Path != "/api" && at.Path != "/apis":
		return false
	case strings.HasPrefix(f.On, "/"):
		return strings.HasPrefix(at.Path, f.On)
	}
	return f.On == "" || f.On == at.Resource
}

// answer writes the fault's answer. It returns false where the server's own is
// still to come.
func (f *Fault) answer(s *Server, w http.ResponseWriter, r *http.Request, at location) (done bool) {
	switch f.Kind {
	case FaultHang:
		s.hold(r)
	case FaultStall, FaultReset, FaultHalf, FaultTruncate:
		f.cut(s, w, r, at)
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><title>Log in</title></html>\n"))
	case FaultExpire:
		writeStatus(w, http.StatusGone, at, f.Text)
	case FaultUnready:
		writeReadyz(w, strings.Split(f.Text, ","))
	case FaultWarn:
		w.Header().Add("Warning", `299 - "`+f.Text+`"`)
		return false
	case FaultSlow:
		pause, _ := time.ParseDuration(f.Text)
		time.Sleep(pause)
		return false
	case FaultLegacy:
		r.Header.Set("Accept", "application/json")
		return false
	case FaultNoTables:
		if strings.Contains(r.Header.Get("Accept"), "as=Table") {
			r.Header.Set("Accept", "application/json")
		}
		return false
	case FaultDeny:
		writeStatus(w, http.StatusForbidden, at, forbidden(at, verbOf(r, at)))
	case FaultRefuse, FaultMute, FaultUntrusted:
		return false
	default:
		code, _ := strconv.Atoi(string(f.Kind))
		if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		writeStatus(w, code, at, f.Text)
	}
	return true
}

// hold waits until the client or the test gives up.
func (s *Server) hold(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}
