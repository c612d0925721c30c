package hubconfig

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// TrustFlag is the flag that a refusal names.
const TrustFlag = "--trust-hub-kubeconfigs"

// RefusedError is a kubeconfig that wants what one out of a Secret may not.
type RefusedError struct{ Wants string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused: it %s; %s allows it", e.Wants, TrustFlag)
}

// Parse makes a configuration of the current context of a kubeconfig. Without
// trust it is refused if it would run a program, read a file, go through a proxy,
// or leave the server unverified.
func Parse(data []byte, trust bool) (*rest.Config, inventory.Endpoint, error) {
	var none inventory.Endpoint
	config, err := clientcmd.Load(data)
	if err != nil {
		// What the decoder says may quote the data.
		return nil, none, errors.New("it is not a kubeconfig")
	}
	name, err := currentContext(config)
	if err != nil {
		return nil, none, err
	}
	current := config.Contexts[name]
	cluster, user := config.Clusters[current.Cluster], config.AuthInfos[current.AuthInfo]
	switch {
	case cluster == nil:
		return nil, none, fmt.Errorf("its context %q has no cluster", name)
	case user == nil:
		return nil, none, fmt.Errorf("its context %q has no user", name)
	}
	endpoint, err := Endpoint(cluster, trust)
	if err != nil {
		return nil, none, err
	}
	if wants := userWants(user); wants != "" && !trust {
		return nil, none, &RefusedError{Wants: wants}
	}
	made, err := clientcmd.NewNonInteractiveClientConfig(*config, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, none, fmt.Errorf("it cannot be used: %w", err)
	}
	if made.ExecProvider != nil {
		made.ExecProvider.InteractiveMode = api.NeverExecInteractiveMode // nobody is asked on a hub's behalf
	}
	return made, endpoint, nil
}

// Endpoint is where a hub says that a cluster is. Without trust, one is refused
// that a file, a proxy or no TLS belongs to.
func Endpoint(cluster *api.Cluster, trust bool) (inventory.Endpoint, error) {
	var none inventory.Endpoint
	if err := checkServer(cluster.Server); err != nil {
		return none, err
	}
	if wants := clusterWants(cluster); wants != "" && !trust {
		return none, &RefusedError{Wants: wants}
	}
	return inventory.Endpoint{
		Server: cluster.Server, ProxyURL: cluster.ProxyURL, TLSServerName: cluster.TLSServerName,
		Insecure: cluster.InsecureSkipTLSVerify, CA: cluster.CertificateAuthorityData,
	}, nil
}

// currentContext is the one that is meant: the current one, or the only one.
func currentContext(config *api.Config) (string, error) {
	if config.CurrentContext != "" {
		if config.Contexts[config.CurrentContext] == nil {
			return "", fmt.Errorf("its current context %q is not in it", config.CurrentContext)
		}
		return config.CurrentContext, nil
	}
	if len(config.Contexts) != 1 {
		return "", fmt.Errorf("it has %d contexts, and none is current", len(config.Contexts))
	}
	only := ""
	for name := range config.Contexts {
		only = name
	}
	return only, nil
}

// checkServer refuses an address for which client-go would take another.
func checkServer(server string) error {
	if server == "" {
		return errors.New("it has no server")
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("its server %q is no address", server)
	}
	return nil
}

// userWants says in words the first thing of a user that needs trust; empty:
// nothing.
func userWants(user *api.AuthInfo) string {
	switch {
	case user.Exec != nil:
		return fmt.Sprintf("runs the program %q (exec)", user.Exec.Command)
	case user.AuthProvider != nil:
		return fmt.Sprintf("logs in by the plugin %q (auth-provider)", user.AuthProvider.Name)
	case user.ClientCertificate != "":
		return readsFile("client-certificate", user.ClientCertificate)
	case user.ClientKey != "":
		return readsFile("client-key", user.ClientKey)
	case user.TokenFile != "":
		return readsFile("tokenFile", user.TokenFile)
	}
	return ""
}

// clusterWants is userWants of a cluster.
func clusterWants(cluster *api.Cluster) string {
	switch {
	case cluster.CertificateAuthority != "":
		return readsFile("certificate-authority", cluster.CertificateAuthority)
	case cluster.ProxyURL != "":
		return fmt.Sprintf("goes through the proxy %q (proxy-url)", withoutPassword(cluster.ProxyURL))
	case cluster.InsecureSkipTLSVerify:
		return "does not verify the server (insecure-skip-tls-verify)"
	case !strings.HasPrefix(strings.ToLower(cluster.Server), "https://"):
		return fmt.Sprintf("sends its credentials in the clear to %s", withoutPassword(cluster.Server))
	}
	return ""
}

func readsFile(field, path string) string {
	return fmt.Sprintf("reads the local file %q (%s)", path, field)
}

func withoutPassword(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "…"
}
