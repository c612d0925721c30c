package fleet_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// mortal is a way to the hub that dies of a write: it breaks off, and answers
// nobody until it is healed.
type mortal struct {
	*plugin
	// dies of a write whose path has this ending.
	dies string
	dead atomic.Bool
}

// newMortal is the plugin over the fleet's clusters and a hub that can die for it
// alone.
func newMortal(t *testing.T, l *karmadaLab) *mortal {
	t.Helper()
	transport, err := rest.TransportFor(l.config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(l.config.Host)
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if writes := (r.Method == http.MethodPatch || r.Method == http.MethodDelete) && !r.URL.Query().Has("dryRun"); writes && m.dies != "" && strings.HasSuffix(r.URL.Path, m.dies) {
			m.dead.Store(true)
		}
		if m.dead.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	kubeconfig := api.NewConfig()
	kubeconfig.Clusters[l.hub] = &api.Cluster{Server: server.URL, CertificateAuthorityData: ca}
	kubeconfig.Contexts[l.hub] = &api.Context{Cluster: l.hub}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, file); err != nil {
		t.Fatal(err)
	}
	m.plugin = l.with(l.fleet.Kubeconfig(), file)
	return m
}

// dying is a command while the hub dies of a write.
func (m *mortal) dying(t *testing.T, of string, args ...string) result {
	t.Helper()
	m.dies = of
	defer func() {
		m.dies = ""
		m.dead.Store(false)
	}()
	r := m.run(t, args...)
	if !m.dead.Load() {
		t.Errorf("%q: the hub did not die", args)
	}
	return r
}

// The hub dies between the writes of a join, or of a leaving: it is said, and what
// is missing then the same command completes, or unjoin takes away what is there.
func (l *karmadaLab) testHubDies(t *testing.T) {
	l.begin(t)
	one := l.members[0]
	m := newMortal(t, l)
	secret := "/secrets/" + one
	cluster := "/clusters/" + one
	join := []string{"join", one, l.to(), "--yes", "--wait"}
	unjoin := []string{"unjoin", one, l.from(), "--yes"}
	left := func() []string {
		secrets := l.onHub(t, "get", "secrets", "-n", "karmada-cluster", "-o", "jsonpath={.items[*].metadata.name}").want(t, 0).stdout
		return slices.Concat(l.traces(t, one), l.clusters(t, one), slices.DeleteFunc(strings.Fields(secrets), func(name string) bool { return !strings.HasPrefix(name, one) }))
	}
	for _, tc := range []struct {
		write string
		hub   []string // what it has of the join when it dies
	}{
		{secret, nil},
		{cluster, []string{one, one + "-impersonator"}},
	} {
		for _, then := range [][]string{join, unjoin} {
			got := m.dying(t, tc.write, join...).want(t, 1)
			for _, says := range []string{"error: " + one + ": Unreachable: " + l.hub + ": ", "the same command again completes what is missing; unjoin --from karmada=" + l.hub + " takes away what was made"} {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("dead of %s: want %q:\n%s", tc.write, says, got.stderr)
				}
			}
			if got.stdout != "" && strings.Contains(got.stdout, "create") {
				t.Errorf("dead of %s, and it says that it joined:\n%s", tc.write, got.stdout)
			}
			there := left()
			if onHub := slices.DeleteFunc(slices.Clone(there), func(s string) bool { return strings.Contains(s, " ") }); !slices.Equal(onHub, tc.hub) || len(there)-len(onHub) < 6 {
				t.Errorf("dead of %s: %q is there, and on the hub %q, want %q", tc.write, there, onHub, tc.hub)
			}
			m.run(t, then...).want(t, 0)
			if then[0] == "unjoin" {
				eventually(t, "nothing is left", func() error { return nothing(left()) })
				continue
			}
			if again := m.run(t, join...).want(t, 0); strings.Contains(again.stdout, "create") || strings.Contains(again.stdout, "update") {
				t.Errorf("dead of %s and joined: joining again changes something:\n%s", tc.write, again.stdout)
			}
			m.run(t, unjoin...).want(t, 0)
		}
	}

	// Leaving: the hub dies when the Cluster is gone, and is of no help for the rest.
	m.run(t, join...).want(t, 0)
	got := m.dying(t, secret, unjoin...).want(t, 1)
	if !strings.Contains(got.stderr, "error: "+one+": Unreachable: "+l.hub+": Secret karmada-cluster/"+one) {
		t.Errorf("%s", got.stderr)
	}
	m.run(t, unjoin...).want(t, 0)
	eventually(t, "nothing is left", func() error { return nothing(left()) })
}
