package clusterprofile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/hubconfig"
)

// execExtension is the extension of a cluster that its credential plugin is
// told, as data.
const execExtension = "client.authentication.k8s.io/exec"

// access reaches a cluster at the address that its profile has, with what one
// of the user's programs gives.
type access struct {
	endpoint inventory.Endpoint
	exec     *api.ExecConfig
	as       rest.ImpersonationConfig
}

// access finds the first of the user's programs that the profile offers.
func (p Provider) access(o *unstructured.Unstructured) (access, error) {
	offers, err := offersOf(o)
	if err != nil {
		return access{}, err
	}
	if len(offers) == 0 {
		return access{}, errors.New("it offers no access provider")
	}
	for _, program := range p.Programs {
		i := slices.IndexFunc(offers, func(offered offer) bool { return offered.Name == program.Name })
		if i < 0 {
			continue
		}
		endpoint, err := hubconfig.Endpoint(internal(offers[i].Cluster), p.Trust)
		if err != nil {
			return access{}, err
		}
		made := access{endpoint: endpoint, exec: program.exec(), as: p.As}
		for _, e := range offers[i].Cluster.Extensions {
			if e.Name == execExtension {
				made.exec.Config = &runtime.Unknown{Raw: e.Extension.Raw, ContentType: runtime.ContentTypeJSON}
			}
		}
		return made, nil
	}
	names := make([]string, len(offers))
	for i, offered := range offers {
		names[i] = offered.Name
	}
	return access{}, fmt.Errorf("it offers access by %s; --clusterprofile-providers names the programs that may be run for that, and has none of them", strings.Join(names, ", "))
}

// internal has the fields that say where a cluster is.
func internal(c apiv1.Cluster) *api.Cluster {
	return &api.Cluster{
		Server: c.Server, TLSServerName: c.TLSServerName, InsecureSkipTLSVerify: c.InsecureSkipTLSVerify,
		CertificateAuthority: c.CertificateAuthority, CertificateAuthorityData: c.CertificateAuthorityData, ProxyURL: c.ProxyURL,
	}
}

// RESTConfig implements inventory.Accessor.
func (a access) RESTConfig(context.Context) (*rest.Config, error) {
	config := &rest.Config{
		Host: a.endpoint.Server, Impersonate: a.as, ExecProvider: a.exec.DeepCopy(),
		TLSClientConfig: rest.TLSClientConfig{CAData: a.endpoint.CA, ServerName: a.endpoint.TLSServerName, Insecure: a.endpoint.Insecure},
	}
	if a.endpoint.ProxyURL != "" {
		proxy, err := url.Parse(a.endpoint.ProxyURL)
		if err != nil {
			return nil, errors.New("its proxy-url is no address")
		}
		config.Proxy = http.ProxyURL(proxy)
	}
	return config, nil
}
