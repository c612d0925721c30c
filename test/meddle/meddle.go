// Package meddle stands between the plugin and an API server, so that a test can do
// to requests what networks, servers and other people do.
package meddle

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Meddler answers a request of the plugin itself, or has it done.
type Meddler func(w http.ResponseWriter, r *http.Request, server http.Handler)

// Before puts a meddler before an API server, and returns a context's cluster. Who
// comes with a token, as Karmada does, goes through as himself; the plugin as the
// administrator.
func Before(tb testing.TB, config *rest.Config, meddler Meddler) *clientcmdapi.Cluster {
	tb.Helper()
	admin, err := rest.TransportFor(config)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.CAData)
	bare := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	target, err := url.Parse(config.Host)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := func(via http.RoundTripper) *httputil.ReverseProxy {
		return &httputil.ReverseProxy{Transport: via, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1,
			ErrorLog: log.New(io.Discard, "", 0)} // the killed do not wait for answers
	}
	asAdmin, asHimself := proxy(admin), proxy(bare)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			asHimself.ServeHTTP(w, r)
			return
		}
		meddler(w, r, asAdmin)
	}))
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: ca}
}

// Kubeconfig writes one with a context of the same name for each cluster.
func Kubeconfig(tb testing.TB, clusters map[string]*clientcmdapi.Cluster) string {
	tb.Helper()
	config := clientcmdapi.NewConfig()
	for name, cluster := range clusters {
		config.Clusters[name] = cluster
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name}
	}
	path := filepath.Join(tb.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// IsWrite leaves out what changes nothing, and the renewals of locks: how many of
// those there are depends on the clock.
func IsWrite(r *http.Request) bool {
	renewal := r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/leases/")
	return r.Method != http.MethodGet && !r.URL.Query().Has("dryRun") && !renewal &&
		!strings.Contains(r.URL.Path, "selfsubjectaccessreviews") && strings.HasPrefix(r.UserAgent(), "kubectl-fleet")
}
