package kubeconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"
)

// identity tells offline whether two contexts are one cluster: same server,
// proxy, TLS server name and CA. There is one exception. Some access proxies
// serve many clusters at one address and choose by the credential, which an
// exec plugin makes from its arguments. Contexts that share an address and log
// in by different exec commands may therefore be one cluster under two users or
// two clusters; for them there is no identity, only an ambiguity to report. A
// row too many can be seen, a cluster dropped cannot.
func (c *Config) identity(cluster *api.Cluster, user *api.AuthInfo) (identity, ambiguous string) {
	endpoint := endpointKey(cluster)
	switch {
	case len(c.logins[endpoint]) < 2:
		return endpoint, ""
	case loginKey(user) != "":
		return "", endpoint
	}
	return endpoint, endpoint
}

// loginsByEndpoint collects the different exec logins of each endpoint.
func (c *Config) loginsByEndpoint() map[string]map[string]bool {
	logins := map[string]map[string]bool{}
	for _, kubeContext := range c.merged.Contexts {
		cluster := c.merged.Clusters[kubeContext.Cluster]
		if cluster == nil {
			continue
		}
		login := loginKey(c.merged.AuthInfos[kubeContext.AuthInfo])
		if login == "" {
			continue
		}
		endpoint := endpointKey(cluster)
		if logins[endpoint] == nil {
			logins[endpoint] = map[string]bool{}
		}
		logins[endpoint][login] = true
	}
	return logins
}

func loginKey(user *api.AuthInfo) string {
	if user == nil || user.Exec == nil {
		return ""
	}
	return fmt.Sprintf("%q %q %v", user.Exec.Command, user.Exec.Args, user.Exec.Env)
}

func endpointKey(cluster *api.Cluster) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q %t ", normalServer(cluster.Server), cluster.ProxyURL, cluster.TLSServerName, cluster.InsecureSkipTLSVerify)
	switch ca, err := os.ReadFile(cluster.CertificateAuthority); {
	case len(cluster.CertificateAuthorityData) > 0:
		hash.Write(cluster.CertificateAuthorityData)
	case err == nil:
		hash.Write(ca)
	default:
		hash.Write([]byte(cluster.CertificateAuthority))
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// normalServer makes equal spellings of an address equal.
func normalServer(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return server
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme+"://"+u.Hostname()) + ":" + port + strings.TrimRight(u.Path, "/")
}
