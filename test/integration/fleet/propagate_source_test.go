package fleet_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// A large manifest is one set like any other: its revision needs several Secrets,
// and comes back whole.
func TestPropagateLarge(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-large")
	const count, size, small = 8, 500_000, 100
	var manifest bytes.Buffer
	for i := range count {
		noise := make([]byte, size)
		if _, err := rand.Read(noise); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&manifest, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m%d}\nbinaryData: {noise: %s}\n", i, base64.StdEncoding.EncodeToString(noise))
	}
	for i := range small {
		fmt.Fprintf(&manifest, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: s%d}\ndata: {text: few words}\n", i)
	}
	if manifest.Len() < 5<<20 {
		t.Fatalf("%d bytes", manifest.Len())
	}
	patient := []string{"--cluster-timeout", "1m"} // others are at work in the same clusters
	a.propagate(t, manifest.String(), patient...).want(t, 0)
	a.writesNothing(t, manifest.String(), patient...)
	before := map[string]map[string]map[string]string{}
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		secrets, err := client.CoreV1().Secrets(a.state).List(t.Context(), metav1.ListOptions{LabelSelector: "kubectl-fleet.io/document"})
		if err != nil || len(secrets.Items) < 3 {
			t.Errorf("%s: %d parts: %v", cluster, len(secrets.Items), err)
		}
		before[cluster] = a.configMaps(t, cluster)
	})
	a.propagate(t, with(oneMap, "COLOR", "red"), append(patient, "--prune")...).want(t, 0)
	a.do(t, "rollback", patient...).want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if after := a.configMaps(t, cluster); len(after) != count+small || len(before[cluster]) != len(after) {
			t.Errorf("%s: %d objects", cluster, len(after))
		}
	})
}

// Every way to name objects brings the same ones.
func TestPropagateSources(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-sources")
	settings, extra := with(oneMap, "COLOR", "red"), strings.TrimPrefix(extraMap, "---\n")
	a.file(t, "flat/settings.yaml", settings)
	a.file(t, "flat/extra.yml", extra)
	a.file(t, "flat/README.md", "no object")
	a.file(t, "deep/settings.yaml", settings)
	a.file(t, "deep/more/extra.json", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"only": "once"}}`)
	a.file(t, "kustomized/settings.yaml", settings)
	a.file(t, "kustomized/extra.yaml", extra)
	a.file(t, "kustomized/kustomization.yaml", "resources: [settings.yaml, extra.yaml]\n")
	both := settings + "---\n" + extra
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/both.yaml" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(both))
	}))
	t.Cleanup(server.Close)
	list := a.file(t, "list.yaml", "apiVersion: v1\nkind: List\nitems:\n- "+strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n  ")+"\n- "+strings.ReplaceAll(strings.TrimSpace(extra), "\n", "\n  ")+"\n")

	a.do(t, "propagate", "-f", a.folder+"/flat").want(t, 0)
	for name, from := range map[string][]string{
		"deep":      {"-f", a.folder + "/deep", "-R"},
		"kustomize": {"-k", a.folder + "/kustomized"},
		"url":       {"-f", server.URL + "/both.yaml"},
		"list":      {"-f", list},
		"two files": {"-f", a.folder + "/flat/settings.yaml," + a.folder + "/flat/extra.yml"},
	} {
		for cluster, p := range outcomes(t, a.do(t, "propagate", append(from, "--prune", "-o", "json")...).want(t, 0)) {
			if p.Phase != v1alpha1.PropagationUnchanged || len(p.Changes) != 2 {
				t.Errorf("%s: %s: %s, %+v", name, cluster, p.Phase, p.Changes)
			}
		}
	}
	stdin := exec.CommandContext(t.Context(), a.path, a.args("propagate", "-f", "-", "--prune")...)
	stdin.Env, stdin.Stdin, stdin.Stderr = a.env, strings.NewReader(both), os.Stderr
	if out, err := stdin.Output(); err != nil || strings.Count(string(out), "Unchanged") != len(a.clusters) {
		t.Errorf("stdin: %v\n%s", err, out)
	}
	a.do(t, "propagate", "-f", server.URL+"/nothing.yaml").want(t, 2).says(t, "404")
}
