package hubconfig_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/hubconfig"
)

const good = `apiVersion: v1
kind: Config
current-context: x
clusters: [{name: c, cluster: {server: "https://east.example:6443", certificate-authority-data: Q0E=}}]
users: [{name: u, user: {token: geheim}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
`

func TestParse(t *testing.T) {
	config, endpoint, err := hubconfig.Parse([]byte(good), false)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://east.example:6443" || config.BearerToken != "geheim" || string(config.CAData) != "CA" {
		t.Errorf("%+v", config)
	}
	if endpoint.Server != config.Host || string(endpoint.CA) != "CA" {
		t.Errorf("%+v", endpoint)
	}
	if _, _, err := hubconfig.Parse([]byte(strings.Replace(good, "current-context: x\n", "", 1)), false); err != nil {
		t.Errorf("of one context it is clear which is meant: %v", err)
	}
}

// unsafeConfigs want what a kubeconfig out of a Secret may not.
func unsafeConfigs() map[string]string {
	user := func(text string) string { return strings.Replace(good, "token: geheim", text, 1) }
	cluster := func(text string) string {
		return strings.Replace(good, "certificate-authority-data: Q0E=", text, 1)
	}
	return map[string]string{
		"exec":                     user("exec: {apiVersion: client.authentication.k8s.io/v1, command: evil, interactiveMode: Never}"),
		"auth-provider":            user("auth-provider: {name: oidc}"),
		"tokenFile":                user("tokenFile: /etc/hostname"),
		"client-certificate":       user("client-certificate: /etc/hostname, client-key-data: a2V5"),
		"client-key":               user("client-certificate-data: a2V5, client-key: /etc/hostname"),
		"certificate-authority":    cluster("certificate-authority: /etc/hostname"),
		"proxy-url":                cluster("proxy-url: http://jane:geheim@evil.example"),
		"insecure-skip-tls-verify": cluster("insecure-skip-tls-verify: true"),
		"in the clear":             strings.Replace(good, "https://", "http://", 1),
	}
}

func TestParseRefuses(t *testing.T) {
	for what, text := range unsafeConfigs() {
		_, _, err := hubconfig.Parse([]byte(text), false)
		var refused *hubconfig.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v, want a refusal that names it", what, err)
		}
		_, _, err = hubconfig.Parse([]byte(text), true)
		if errors.As(err, &refused) {
			t.Errorf("%s, trusted: %v", what, err)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"geheim: [": "not a kubeconfig",
		"":          "0 contexts",
		strings.Replace(good, "current-context: x", "current-context: other", 1):      `current context "other" is not in it`,
		strings.Replace(good, "cluster: c,", "cluster: d,", 1):                        `context "x" has no cluster`,
		strings.Replace(good, "user: u}", "user: v}", 1):                              `context "x" has no user`,
		strings.Replace(good, `server: "https://east.example:6443", `, "", 1):         "no server",
		strings.Replace(good, "https://east.example:6443", "east.example", 1):         "no address",
		strings.Replace(good, "https://east.example:6443", "unix:///run/docker", 1):   "no address",
		strings.Replace(good, "contexts: [", "contexts: [{name: y, context: {}},", 1): "",
	} {
		_, _, err := hubconfig.Parse([]byte(text), false)
		if want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}

// Whatever a Secret holds: nothing outside of it is used.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	for _, text := range unsafeConfigs() {
		f.Add([]byte(text))
	}
	f.Add([]byte(strings.ReplaceAll(good, "x", `"\u0000"`)))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":null}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u"}]}`))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, endpoint, err := hubconfig.Parse(data, false)
		if err != nil {
			return
		}
		tls := config.TLSClientConfig
		switch {
		case config.ExecProvider != nil, config.AuthProvider != nil:
			t.Error("a plugin would be run")
		case tls.CAFile != "", tls.CertFile != "", tls.KeyFile != "", config.BearerTokenFile != "":
			t.Error("a file would be read")
		case config.Proxy != nil, tls.Insecure:
			t.Error("the way to the server is another than it looks")
		case !strings.HasPrefix(strings.ToLower(config.Host), "https://"), endpoint.Server == "":
			t.Errorf("the server is %q, %q", config.Host, endpoint.Server)
		}
	})
}
