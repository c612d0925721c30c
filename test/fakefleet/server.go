package fakefleet

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// sharedToken is accepted by every server: what a credential plugin would give.
const sharedToken = "sso-token"

// Server is one fake API server.
type Server struct {
	// Name is the server's name in the fleet, and its context's.
	Name string
	// URL is where it listens.
	URL string
	// CA is the PEM certificate that verifies it.
	CA []byte

	http   *httptest.Server
	accept *listener
	closed chan struct{}

	mu       sync.Mutex
	version  string
	store    store
	faults   []*Fault
	requests []Request
	members  map[string]*Server // behind the aggregated proxy
	closing  sync.Once

	intercept func(w http.ResponseWriter, r *http.Request) (done bool)
}

func newServer(name string, http2 bool) (*Server, error) {
	s := &Server{Name: name, version: "v1.36.3", closed: make(chan struct{})}
	if err := s.store.loadBase(name); err != nil {
		return nil, err
	}
	certificate, err := servingCertificate()
	if err != nil {
		return nil, err
	}
	accept, err := listen()
	if err != nil {
		return nil, err
	}
	s.accept = accept
	s.http = httptest.NewUnstartedServer(s)
	_ = s.http.Listener.Close()
	s.http.Listener = s.accept
	s.http.Config.ErrorLog = silentLog()
	s.http.EnableHTTP2 = http2
	s.http.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	s.http.StartTLS()
	s.URL = s.http.URL
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	return s, nil
}

// Token is the bearer token that this server alone accepts.
func (s *Server) Token() string { return "token-of-" + s.Name }

// SetVersion sets the gitVersion that the server reports.
func (s *Server) SetVersion(gitVersion string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = gitVersion
}

// Load adds objects from YAML documents, or replaces those of the same name. A
// CustomResourceDefinition brings its type with it.
func (s *Server) Load(documents []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.load(documents)
}

// Restore makes the server's objects and log what they were when it was new.
func (s *Server) Restore() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store, s.requests = store{}, nil
	return s.store.loadBase(s.Name)
}

// Unload removes objects, which are namespaced.
func (s *Server) Unload(documents []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.unload(documents)
}

// Intercept lets a handler answer first, whatever the faults. Requests that it
// answers are not logged. It must be called before the first request.
func (s *Server) Intercept(answer func(w http.ResponseWriter, r *http.Request) (done bool)) {
	s.intercept = answer
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.intercept != nil && s.intercept(w, r) {
		return
	}
	at := parsePath(r.URL.Path)
	s.record(r)
	if strings.HasPrefix(r.URL.Path, artifacts) {
		writeArtifact(w, r)
		return
	}
	if !s.knows(r) {
		writeStatus(w, http.StatusUnauthorized, at, "")
		return
	}
	for _, fault := range s.faultsFor(r, at) {
		if fault.answer(s, w, r, at) {
			return
		}
	}
	if at.Resource == "clusters" && at.Subresource == "proxy" {
		s.proxy(w, r, at)
		return
	}
	if at.Resource == "pods" && at.Subresource == "log" {
		s.writeLog(w, r, at, r.URL.Query().Get("follow") == "true")
		return
	}
	if at.Resource == "pods" && at.Subresource == "exec" {
		s.writeExec(w, r, at)
		return
	}
	if at.Resource != "" && r.URL.Query().Get("watch") == "true" {
		s.writeWatch(w, r, at)
		return
	}
	s.answer(w, r, at)
}

// knows tells whether the request's token is accepted.
func (s *Server) knows(r *http.Request) bool {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return slices.Contains([]string{s.Token(), sharedToken}, token)
}

// answer is what a server without faults says.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, at location) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case at.Resource == reviews:
		s.writeReview(w, r, at)
	case r.Method != http.MethodGet && at.Resource == "":
		writeStatus(w, http.StatusMethodNotAllowed, at, "")
	case r.Method != http.MethodGet:
		s.writeChange(w, r, at)
	case at.Path == "/version":
		s.writeVersion(w)
	case at.Path == "/readyz":
		writeReadyz(w, nil)
	case at.Resource == "":
		s.writeDiscovery(w, r, at)
	default:
		s.writeObjects(w, r, at)
	}
}

func (s *Server) close() {
	s.closing.Do(func() {
		close(s.closed)
		s.accept.release()
		s.http.CloseClientConnections()
		s.http.Close()
	})
}
