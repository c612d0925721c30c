package clusterprofile

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"
)

// Whatever a profile says: the program that is run is the user's, with the user's
// arguments and environment, for a server that is verified, and no file of the
// workstation is read.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"a"},"status":{"accessProviders":[{"name":"mine","cluster":{"server":"https://a:1"}}]}}`))
	f.Add([]byte(`{"status":{"credentialProviders":[{"name":"mine","cluster":{"server":"http://a:1","proxy-url":"http://p"}}]}}`))
	f.Add([]byte(`{"status":{"accessProviders":[{"name":"mine","cluster":{"server":"https://a","certificate-authority":"/etc/shadow","insecure-skip-tls-verify":true}}]}}`))
	f.Add([]byte(`{"status":{"accessProviders":[{"name":"mine","cluster":{"server":"https://a","extensions":[{"name":"client.authentication.k8s.io/exec","extension":{"args":["x"]}}]}}]}}`))
	f.Add([]byte(`{"status":{"accessProviders":null,"credentialProviders":[null]},"metadata":7}`))
	p := Provider{Inventory: "clusterprofile=hub", Programs: Programs{{
		Name: "mine", Exec: &apiv1.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "/bin/login", Args: []string{"a"}},
	}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		o := &unstructured.Unstructured{}
		if json.Unmarshal(text, &o.Object) != nil || o.Object == nil {
			return
		}
		reached, err := p.access(o)
		if err != nil {
			return
		}
		config, err := reached.RESTConfig(t.Context())
		if err != nil {
			return
		}
		run, tls := config.ExecProvider, config.TLSClientConfig
		switch {
		case run == nil, run.Command != "/bin/login", len(run.Args) != 1, len(run.Env) != 0:
			t.Errorf("it runs %+v", run)
		case tls.CAFile != "", tls.CertFile != "", tls.KeyFile != "", config.BearerTokenFile != "":
			t.Error("a file would be read")
		case tls.Insecure, config.Proxy != nil, !strings.HasPrefix(strings.ToLower(config.Host), "https://"):
			t.Errorf("the way to the server is another than it looks: %s", config.Host)
		}
	})
}
