package release_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/release"
	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/page"
)

// The page about closed networks works, with what a release publishes, and reaches
// nothing outside of this machine.
func (l *lab) closedNetwork(t *testing.T) {
	at, err := family.Read(l.root)
	if err != nil {
		t.Fatal(err)
	}
	published := filepath.Join(l.server, "closed", version)
	var built []release.Built
	for _, a := range l.native {
		files, _ := unpack(t, a.Archive)
		b := release.Built{Plugin: a.Plugin, Platform: a.Platform, Path: filepath.Join(t.TempDir(), a.Plugin.Binary)}
		write(t, b.Path, files[a.Plugin.Binary], 0o755)
		built = append(built, b)
	}
	if _, err := release.Pack(at, version, built, filepath.Join(l.root, family.License), published); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.CopyFS(filepath.Join(home, "dist"), os.DirFS(published)); err != nil {
		t.Fatal(err)
	}

	clusters := fakefleet.New()
	t.Cleanup(clusters.Close)
	if err := clusters.Up("east"); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clusters.Kubeconfig.Write(kubeconfig); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	east := config.Clusters["east"]
	write(t, filepath.Join(home, "company-ca.crt"), east.CertificateAuthorityData, 0o644)
	east.CertificateAuthorityData = nil

	// What is not on this machine would go through the proxy.
	way := &proxy{}
	server := httptest.NewServer(way)
	t.Cleanup(server.Close)
	page.Shell{
		Home: home, Config: config,
		Programs: map[string]string{"kubectl": filepath.Join(l.tools, "kubectl"), "kubectl-krew": filepath.Join(l.tools, "kubectl-krew")},
		Env: []string{
			"mirror=" + l.url + "/closed", "proxy=" + server.URL, "HTTPS_PROXY=" + server.URL, "HTTP_PROXY=" + server.URL, "KREW_ROOT=",
			"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
			"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com",
		},
	}.Run(t, "closed-networks")
	if want := []string{strings.TrimPrefix(east.Server, "https://")}; !slices.Equal(way.hosts(), want) {
		t.Errorf("the proxy was asked for %q, want %q alone", way.hosts(), want)
	}
}

// proxy is one that leads to this machine alone, and knows whom it was asked for.
type proxy struct {
	mu    sync.Mutex
	asked []string
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Host)
	p.mu.Unlock()
	if r.Method != http.MethodConnect || !strings.HasPrefix(r.Host, "127.0.0.1:") {
		http.Error(w, "a closed network", http.StatusForbidden)
		return
	}
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = there.Close() }()
	w.WriteHeader(http.StatusOK)
	here, sent, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = here.Close() }()
	// The server reads ahead while it answers: what came by then is in its buffer alone.
	go func() { _, _ = io.Copy(there, sent) }()
	_, _ = io.Copy(here, there)
}

// hosts are those it was asked for, each once.
func (p *proxy) hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(p.asked)))
}
