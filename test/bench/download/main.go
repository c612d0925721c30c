// Command download fetches the pages of one collection from every context of a
// kubeconfig, all at once, and looks at nothing but where the next page is. It
// asks as kubectl does; nobody who asks so can be faster.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"sync"

	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

const acceptTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

func main() {
	kubeconfig := flag.String("kubeconfig", "", "whom to ask")
	path := flag.String("path", "/api/v1/pods", "what to ask for")
	include := flag.String("include", "Metadata", "includeObject: Metadata or None")
	flag.Parse()
	if err := run(*kubeconfig, *path, *include); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(kubeconfig, path, include string) error {
	text, err := os.ReadFile(kubeconfig)
	if err != nil {
		return err
	}
	var config apiv1.Config
	if err := yaml.Unmarshal(text, &config); err != nil {
		return err
	}
	errs := make([]error, len(config.Contexts))
	var wg sync.WaitGroup
	for i, c := range config.Contexts {
		wg.Go(func() { errs[i] = download(config, c.Context, path, include) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func download(config apiv1.Config, c apiv1.Context, path, include string) error {
	client, server, token, err := clientOf(config, c)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {"500"}, "includeObject": {include}}
	for {
		next, err := page(client, server+path+"?"+query.Encode(), token)
		if err != nil || next == "" {
			return err
		}
		query.Set("continue", next)
	}
}

func clientOf(config apiv1.Config, c apiv1.Context) (client *http.Client, server, token string, err error) {
	trust := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	for _, named := range config.Clusters {
		if named.Name == c.Cluster {
			server = named.Cluster.Server
			trust.RootCAs.AppendCertsFromPEM(named.Cluster.CertificateAuthorityData)
		}
	}
	for _, named := range config.AuthInfos {
		if named.Name != c.AuthInfo {
			continue
		}
		token = named.AuthInfo.Token
		if len(named.AuthInfo.ClientCertificateData) > 0 {
			pair, err := tls.X509KeyPair(named.AuthInfo.ClientCertificateData, named.AuthInfo.ClientKeyData)
			if err != nil {
				return nil, "", "", err
			}
			trust.Certificates = []tls.Certificate{pair}
		}
	}
	// HTTP/2 and gzip as client-go has them.
	return &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}}, server, token, nil
}

var continues = regexp.MustCompile(`^.{0,400}"continue":"([^"]*)"`)

// page downloads one page and returns the token of the next.
func page(client *http.Client, address, token string) (next string, err error) {
	req, err := http.NewRequest(http.MethodGet, address, http.NoBody) //nolint:noctx // ends with the process
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", acceptTable)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", address, resp.Status)
	}
	if found := continues.FindSubmatch(body); found != nil {
		next = string(found[1])
	}
	return next, nil
}
