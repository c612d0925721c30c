package cluster

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	clusterCA = "ca"
	// frontProxyCA signs only the client that may speak for others: were it the cluster's CA, every user could.
	frontProxyCA = "front-proxy-ca"
	etcdCA       = "etcd-ca"

	masters = "system:masters"
)

// writeCredentials makes the authorities, the certificates and the kubeconfigs of the components.
func (c *Cluster) writeCredentials() error {
	dir := c.path("pki")
	for name, certs := range map[string]map[string]identity{
		clusterCA: {
			"apiserver": {user: "kube-apiserver", server: true, dnsNames: []string{
				"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
			"kubelet":            {user: "kubelet", server: true},
			"kubelet-client":     {user: "kube-apiserver-kubelet-client", groups: []string{masters}},
			"admin":              {user: "admin", groups: []string{masters}},
			audited:              {user: audited, groups: []string{masters}},
			"controller-manager": {user: "system:kube-controller-manager"},
			"scheduler":          {user: "system:kube-scheduler"},
			// One process plays every node and its pods; no built-in role is that wide.
			"kwok": {user: "kwok", groups: []string{masters}},
		},
		frontProxyCA: {"front-proxy-client": {user: "front-proxy-client"}},
		etcdCA:       {"etcd": {user: "etcd", server: true}, "etcd-client": {user: "kube-apiserver"}},
	} {
		ca, err := newAuthority(dir, name)
		if err != nil {
			return err
		}
		for cert, id := range certs {
			if err := ca.issue(cert, id); err != nil {
				return err
			}
		}
	}
	if err := writeSigningKey(dir, "service-account"); err != nil {
		return err
	}
	for _, user := range []string{"admin", audited, "controller-manager", "scheduler", "kwok"} {
		if err := c.writeKubeconfig(user); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) kubeconfig(user string) string { return c.path(user + ".kubeconfig") }

// writeKubeconfig writes a file with one context, named as the cluster, certificates embedded.
func (c *Cluster) writeKubeconfig(user string) error {
	ca, err := os.ReadFile(c.cert(clusterCA))
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(c.cert(user))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.key(user))
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[c.Name] = &clientcmdapi.Cluster{Server: c.Server(), CertificateAuthorityData: ca}
	// The user carries the cluster's name, for files of several clusters are merged into one.
	config.AuthInfos[c.Name+"-"+user] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[c.Name] = &clientcmdapi.Context{Cluster: c.Name, AuthInfo: c.Name + "-" + user}
	config.CurrentContext = c.Name
	return clientcmd.WriteToFile(*config, c.kubeconfig(user))
}

// RESTConfig is the administrator's way in, with client-side rate limits off.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	config.QPS = -1
	config.UserAgent = "kubectl-fleet-testbed"
	return config, nil
}

// IssueClient writes a certificate and a kubeconfig for a user of the cluster and returns the kubeconfig's path.
func (c *Cluster) IssueClient(user string, groups ...string) (string, error) {
	ca, err := loadAuthority(c.path("pki"), clusterCA)
	if err != nil {
		return "", fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	if err := ca.issue(user, identity{user: user, groups: groups}); err != nil {
		return "", fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	return c.kubeconfig(user), c.writeKubeconfig(user)
}

// IssueServer writes a certificate for loopback and the given DNS names and returns the paths of certificate, key and CA.
func (c *Cluster) IssueServer(name string, dnsNames ...string) (cert, key, caFile string, err error) {
	ca, err := loadAuthority(c.path("pki"), clusterCA)
	if err == nil {
		err = ca.issue(name, identity{user: name, server: true, dnsNames: dnsNames})
	}
	if err != nil {
		return "", "", "", fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	return c.cert(name), c.key(name), c.CACert(), nil
}

// CACert is the file with the cluster's own authority, which signs servers, kubelets and users.
func (c *Cluster) CACert() string { return c.cert(clusterCA) }

func (c *Cluster) cert(name string) string { return c.path("pki", name+".crt") }
func (c *Cluster) key(name string) string  { return c.path("pki", name+".key") }
