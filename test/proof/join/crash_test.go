// Package join proves that a join to a real Karmada, and a leaving, can be
// killed at any write and completed by the same command. It takes minutes: it is
// run by `make proof`, and its results are kept in docs/proof.
package join

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// actAs in the environment makes the test binary the plugin.
const actAs = "KUBECTL_FLEET_TEST_ACT_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(int(cli.Main(fleet.NewCmdFleet)))
	}
	testfleet.Main(m)
}

// killer stands before the API servers and kills the plugin at one of its
// writes: before the server hears of it, or after it has done it and before the
// plugin hears.
type killer struct {
	mu      sync.Mutex
	plugin  *os.Process
	writes  int
	at      int // the write to kill at; 0: none
	after   bool
	reached bool
}

// strike counts a request of the plugin, and says whether it is the one.
func (k *killer) strike(r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Method == http.MethodGet || r.URL.Query().Has("dryRun") || strings.Contains(r.URL.Path, "selfsubjectaccessreviews") ||
		!strings.HasPrefix(r.UserAgent(), "kubectl-fleet") {
		return false
	}
	k.writes++
	if k.writes != k.at {
		return false
	}
	k.reached = true
	return true
}

func (k *killer) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.plugin.Kill()
}

// before puts the killer before an API server, and returns a context's cluster.
// Who comes with a token, as Karmada does, goes through as himself; the plugin as
// the administrator.
func (k *killer) before(t *testing.T, config *rest.Config) *clientcmdapi.Cluster {
	t.Helper()
	admin, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.CAData)
	bare := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := func(via http.RoundTripper) *httputil.ReverseProxy {
		return &httputil.ReverseProxy{Transport: via, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1}
	}
	asAdmin, asHimself := proxy(admin), proxy(bare)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			asHimself.ServeHTTP(w, r)
			return
		}
		if !k.strike(r) {
			asAdmin.ServeHTTP(w, r)
			return
		}
		if k.after {
			asAdmin.ServeHTTP(httptest.NewRecorder(), r)
		}
		k.kill()
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: ca}
}

// lab runs the plugin through the killer.
type lab struct {
	*killer
	fleet *testfleet.Fleet
	env   []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{killer: &killer{}, fleet: testfleet.New(t, bed.Options{Clusters: 1, Addons: []addon.Addon{karmada.Addon{}}})}
	config := clientcmdapi.NewConfig()
	for _, name := range []string{"c1", karmada.Hub} {
		config.Clusters[name] = l.before(t, l.fleet.RESTConfig(t, name))
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name}
	}
	home := t.TempDir()
	file := filepath.Join(home, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	l.env = append(os.Environ(), actAs+"=1", "HOME="+home, "KUBECONFIG="+file, "KUBECACHEDIR="+filepath.Join(home, "cache"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	return l
}

// run runs the plugin and kills it at one of its writes, if any.
func (l *lab) run(t *testing.T, at int, after bool, args ...string) (code int, output string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append(args, "--yes")...)
	cmd.Env = l.env
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	l.mu.Lock()
	l.writes, l.at, l.after, l.reached = 0, at, after, false
	err = cmd.Start()
	l.plugin = cmd.Process
	l.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code says it
	return cmd.ProcessState.ExitCode(), out.String()
}

const to, from = "--to=karmada=" + karmada.Hub, "--from=karmada=" + karmada.Hub

func (l *lab) join(t *testing.T, at int, after bool) (int, string) {
	t.Helper()
	return l.run(t, at, after, "join", "c1", to, "--labels", "env=test", "--namespaces", "default", "--role", "propagate")
}

func (l *lab) unjoin(t *testing.T, at int, after bool) (int, string) {
	t.Helper()
	return l.run(t, at, after, "unjoin", "c1", from)
}

// whole says what is not as a join makes it: nothing, if a server's dry run of it
// finds nothing to do.
func (l *lab) whole(t *testing.T) error {
	t.Helper()
	code, out := l.run(t, 0, false, "join", "c1", to, "--labels", "env=test", "--namespaces", "default", "--role", "propagate", "--dry-run", "server")
	if code != 0 || strings.Contains(out, "create") || strings.Contains(out, "update") {
		return fmt.Errorf("not as a join makes it: exit code %d\n%s", code, out)
	}
	return nil
}

// clean says what is left of a join.
func (l *lab) clean(t *testing.T) error {
	t.Helper()
	for context, types := range map[string]string{"c1": "sa,secrets,roles,rolebindings,clusterroles,clusterrolebindings,ns", karmada.Hub: "clusters.cluster.karmada.io,secrets"} {
		kubeconfig := l.fleet.Kubeconfig()
		if context == karmada.Hub {
			kubeconfig = l.fleet.Hub(t, karmada.Hub)
		}
		out, err := exec.CommandContext(t.Context(), l.fleet.Binary(t, "kubectl"), "--kubeconfig", kubeconfig, "--context", context, "get", types, "-A", "--no-headers",
			"-l", "app.kubernetes.io/managed-by=kubectl-fleet", "-o", "name").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if left := strings.TrimSpace(string(out)); left != "" && !strings.HasPrefix(left, "No resources") {
			return fmt.Errorf("left in %s:\n%s", context, left)
		}
	}
	return nil
}

// TestKilledAtAnyWrite: for every write of a join, killed before the server hears
// of it and before the answer is heard, the same command completes it; so for
// every write of an unjoin. And what a killed join left can be taken away
// without completing it.
func TestKilledAtAnyWrite(t *testing.T) {
	l := newLab(t)
	for _, after := range []bool{false, true} {
		when := map[bool]string{false: "before the server hears of it", true: "before the answer is heard"}[after]
		for at := 1; ; at++ {
			what := fmt.Sprintf("join killed at write %d, %s", at, when)
			code, out := l.join(t, at, after)
			if !l.reached {
				if code != 0 {
					t.Fatalf("%s: a join without a kill: %d %s", what, code, out)
				}
				t.Logf("join: %d writes, each killed %s", at-1, when)
				l.mustUnjoin(t, what)
				break
			}
			if at%2 == 0 { // every other time it is not completed first
				if code, out := l.join(t, 0, false); code != 0 {
					t.Errorf("%s: again: %d %s", what, code, out)
				}
				if err := l.whole(t); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			l.mustUnjoin(t, what)
		}
		for at := 1; ; at++ {
			what := fmt.Sprintf("unjoin killed at write %d, %s", at, when)
			if code, out := l.join(t, 0, false); code != 0 {
				t.Fatalf("%s: join: %d %s", what, code, out)
			}
			code, out := l.unjoin(t, at, after)
			if !l.reached {
				if code != 0 {
					t.Fatalf("%s: an unjoin without a kill: %d %s", what, code, out)
				}
				t.Logf("unjoin: %d writes, each killed %s", at-1, when)
				break
			}
			l.mustUnjoin(t, what)
		}
	}
}

// mustUnjoin takes away what is there, which may be nothing.
func (l *lab) mustUnjoin(t *testing.T, what string) {
	t.Helper()
	if code, out := l.unjoin(t, 0, false); code != 0 && !strings.Contains(out, "nothing of it is left") {
		t.Fatalf("%s: unjoin: %d %s", what, code, out)
	}
	if err := l.clean(t); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
