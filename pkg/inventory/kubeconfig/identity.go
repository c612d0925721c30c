package kubeconfig

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
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
	e := inventory.Endpoint{
		Server: cluster.Server, ProxyURL: cluster.ProxyURL, TLSServerName: cluster.TLSServerName,
		Insecure: cluster.InsecureSkipTLSVerify, CA: cluster.CertificateAuthorityData,
	}
	if len(e.CA) == 0 {
		var err error
		if e.CA, err = os.ReadFile(cluster.CertificateAuthority); err != nil {
			e.CA = []byte(cluster.CertificateAuthority)
		}
	}
	return e.Identity()
}
