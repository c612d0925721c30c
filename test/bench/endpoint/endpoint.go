// Package endpoint is the contexts of a kubeconfig as bare HTTPS clients: what a
// program needs that does the least that the work allows.
package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"

	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// Endpoint is one API server and who asks it.
type Endpoint struct {
	// Context is its name in the kubeconfig.
	Context string

	client        *http.Client
	server, token string
}

// All are the contexts of a kubeconfig, in its order.
func All(kubeconfig string) ([]Endpoint, error) {
	text, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, err
	}
	var config apiv1.Config
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	all := make([]Endpoint, len(config.Contexts))
	for i, c := range config.Contexts {
		if all[i], err = of(config, c); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func of(config apiv1.Config, c apiv1.NamedContext) (Endpoint, error) {
	e := Endpoint{Context: c.Name}
	trust := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	for _, named := range config.Clusters {
		if named.Name == c.Context.Cluster {
			e.server = named.Cluster.Server
			trust.RootCAs.AppendCertsFromPEM(named.Cluster.CertificateAuthorityData)
		}
	}
	for _, named := range config.AuthInfos {
		if named.Name != c.Context.AuthInfo {
			continue
		}
		e.token = named.AuthInfo.Token
		if len(named.AuthInfo.ClientCertificateData) > 0 {
			pair, err := tls.X509KeyPair(named.AuthInfo.ClientCertificateData, named.AuthInfo.ClientKeyData)
			if err != nil {
				return e, err
			}
			trust.Certificates = []tls.Certificate{pair}
		}
	}
	// HTTP/2 and gzip as client-go has them.
	e.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}}
	return e, nil
}

// Send sends a request to a path and returns the body of a 2xx answer.
func (e Endpoint) Send(method, path string, header map[string]string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequest(method, e.server+path, body) //nolint:noctx // ends with the process
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, nil
}
