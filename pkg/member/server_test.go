package member_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// server is one API server that says what a test wants it to say.
type server struct {
	*httptest.Server
	requests atomic.Int32
}

func serve(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// say answers with JSON.
func say(code int, format string, args ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, format, args...)
	}
}

type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) {
	return rest.CopyConfig(a.config), nil
}

func (s *server) cluster() inventory.Cluster {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return inventory.Cluster{Name: "c1", Access: access{&rest.Config{
		Host: s.URL, TLSClientConfig: rest.TLSClientConfig{CAData: ca},
	}}}
}

// short is long enough for a loopback answer on a busy machine, and short
// enough to wait for.
const short = 300 * time.Millisecond

func dial(t *testing.T, c inventory.Cluster, o member.Options) *member.Member {
	t.Helper()
	m, err := member.NewPool(o).Member(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// withPlugin lets the cluster log in by a shell script.
func withPlugin(t *testing.T, c inventory.Cluster, script string) inventory.Cluster {
	t.Helper()
	path := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(c.Access.(access).config)
	config.ExecProvider = &api.ExecConfig{
		Command: path, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: api.NeverExecInteractiveMode,
	}
	c.Access = access{config}
	return c
}

const goodLogin = `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"secret-token"}}'` + "\n"
