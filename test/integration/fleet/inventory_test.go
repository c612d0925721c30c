package fleet_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// hub is the cluster that the inventories of these tests are kept on. Its
// members are all clusters of the fleet, itself among them.
const hub = "c1"

// hubNamespace has everything that a test puts on the hub.
const hubNamespace = "inventory"

// newHub makes the hub a hub of a kind, until the test ends.
func newHub(t *testing.T, kind string) *plugin {
	t.Helper()
	p := newPlugin(t)
	p.namespace(t, hubNamespace, 2)
	for _, c := range p.fleet.Clusters() {
		eventually(t, "a pod in "+c, func() error {
			_, err := p.client(t, c).CoreV1().Pods(hubNamespace).Create(t.Context(), &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "in-" + c},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
			}, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		})
	}
	crds := filepath.Join("testdata", "crds", kind+".yaml")
	p.kubectl(t, "apply", "--context", hub, "-f", crds).want(t, 0)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		cmd := exec.CommandContext(ctx, p.fleet.Binary(t, "kubectl"), "delete", "--context", hub, "-f", crds, "--ignore-not-found")
		cmd.Env = p.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	p.kubectl(t, "wait", "--context", hub, "-f", crds, "--for", "condition=established", "--timeout=60s").want(t, 0)
	return p
}

// put applies an object to the hub.
func (p *plugin) put(t *testing.T, object map[string]any) {
	t.Helper()
	metadata, _ := object["metadata"].(map[string]any)
	metadata["namespace"] = hubNamespace
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "object.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "apply "+file, func() error { // discovery may not know a type yet
		if r := p.kubectl(t, "apply", "--context", hub, "-f", file); r.code != 0 {
			return fmt.Errorf("%s", r.stderr)
		}
		return nil
	})
}

// kubeconfigOf is a kubeconfig of one cluster alone, as it would be in a Secret.
func (p *plugin) kubeconfigOf(t *testing.T, cluster string, change func(*api.Cluster, *api.AuthInfo)) []byte {
	t.Helper()
	config, err := clientcmd.LoadFromFile(p.fleet.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	config.CurrentContext = cluster
	if err := api.MinifyConfig(config); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		current := config.Contexts[cluster]
		change(config.Clusters[current.Cluster], config.AuthInfos[current.AuthInfo])
	}
	text, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (p *plugin) secret(t *testing.T, name, key string, value []byte) {
	t.Helper()
	_, err := p.client(t, hub).CoreV1().Secrets(hubNamespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{key: value},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// sameAsKubeconfig compares what is read through an inventory, of the fleet's own
// clusters, with what is read through the kubeconfig.
func (p *plugin) sameAsKubeconfig(t *testing.T, code int, flags ...string) {
	t.Helper()
	own := func(r result) string {
		var lines []string
		for line := range strings.Lines(r.stdout) {
			if cluster, _, _ := strings.Cut(line, "/"); slices.Contains(p.fleet.Clusters(), cluster) {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	for _, read := range [][]string{{"get", "nodes", "-o", "name"}, {"get", "pods", "-A", "-o", "name"}, {"get", "cm,crd", "-A", "-o", "name"}} {
		eventually(t, strings.Join(read, " "), func() error { // pods come and go
			want := own(p.run(t, read...).want(t, 0))
			got := own(p.run(t, append(read, flags...)...).want(t, code))
			if got != want || want == "" {
				return fmt.Errorf("%v:\n%s\nthrough the kubeconfig:\n%s", flags, got, want)
			}
			return nil
		})
	}
	want := map[string]string{}
	for _, c := range decode[v1alpha1.Cluster](t, p.run(t, "get", "-o", "json").want(t, 0)).Items {
		want[c.Name] = c.Status.UID
	}
	found := 0
	for _, c := range decode[v1alpha1.Cluster](t, p.run(t, append([]string{"get", "-o", "json"}, flags...)...).want(t, code)).Items {
		if want[c.Name] == "" {
			continue
		}
		found++
		if c.Status.UID != want[c.Name] || c.Status.Phase != "Ready" || c.Spec.Server == "" || len(c.Spec.Listings) == 0 {
			t.Errorf("%v: %s is %+v %+v", flags, c.Name, c.Spec, c.Status)
		}
	}
	if found != len(want) {
		t.Errorf("%v: %d of %d clusters are in the roster", flags, found, len(want))
	}
	// Beside the kubeconfig each cluster is one, and not two.
	both := p.run(t, append([]string{"get", "nodes", "-o", "name", "--inventory", "kubeconfig"}, flags...)...).want(t, code)
	if alone := p.run(t, "get", "nodes", "-o", "name").want(t, 0); own(both) != alone.stdout {
		t.Errorf("%v and the kubeconfig:\n%s\nthe kubeconfig alone:\n%s", flags, both.stdout, alone.stdout)
	}
}

// failures are the reasons of the clusters that failed.
func (p *plugin) failures(t *testing.T, flags ...string) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for _, f := range decode[v1alpha1.Cluster](t, p.run(t, append([]string{"get", "-o", "json"}, flags...)...).want(t, 3)).Failures {
		reasons[f.Cluster] = f.Reason + ": " + f.Message
	}
	return reasons
}

func TestInventoryClusterAPI(t *testing.T) {
	p := newHub(t, "clusterapi")
	for _, c := range p.fleet.Clusters() {
		p.secret(t, c+"-kubeconfig", "value", p.kubeconfigOf(t, c, nil))
		p.put(t, map[string]any{
			"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": map[string]any{"name": c},
			"status": map[string]any{"phase": "Provisioned"},
		})
	}
	p.sameAsKubeconfig(t, 0, "--inventory", "clusterapi="+hub)
}

func TestInventoryKurator(t *testing.T) {
	p := newHub(t, "kurator")
	var members []any
	attach := func(name, secret string) {
		members = append(members, map[string]any{"kind": "AttachedCluster", "name": name})
		p.put(t, map[string]any{
			"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster", "metadata": map[string]any{"name": name},
			"spec": map[string]any{"kubeconfig": map[string]any{"name": secret, "key": "config"}}, "status": map[string]any{"ready": true},
		})
	}
	for _, c := range p.fleet.Clusters() {
		p.secret(t, "attached-"+c, "config", p.kubeconfigOf(t, c, nil))
		attach(c, "attached-"+c)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	p.secret(t, "exec", "config", p.kubeconfigOf(t, hub, func(_ *api.Cluster, user *api.AuthInfo) {
		*user = api.AuthInfo{Exec: &api.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "touch", Args: []string{ran}, InteractiveMode: api.NeverExecInteractiveMode}}
	}))
	attach("exec", "exec")
	p.secret(t, "dead", "config", p.kubeconfigOf(t, hub, func(cluster *api.Cluster, _ *api.AuthInfo) { cluster.Server = "https://127.0.0.1:1" }))
	attach("dead", "dead")
	attach("nosecret", "none")
	p.put(t, map[string]any{
		"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": map[string]any{"name": "all"},
		"spec": map[string]any{"clusters": members}, "status": map[string]any{"phase": "Ready", "readyClusters": len(members)},
	})
	inventory := []string{"--inventory", "kurator=" + hub}
	p.sameAsKubeconfig(t, 3, inventory...)
	failed := p.failures(t, inventory...)
	for cluster, want := range map[string]string{"exec": "Misconfigured: ", "dead": "Unreachable: ", "nosecret": "Misconfigured: "} {
		if !strings.HasPrefix(failed[cluster], want) {
			t.Errorf("%s: %q, want %s", cluster, failed[cluster], want)
		}
	}
	if _, err := os.Stat(ran); err == nil || len(failed) != 3 {
		t.Errorf("failed: %v; the program of a Secret was run: %t", failed, err == nil)
	}
}

func TestInventoryClusterProfile(t *testing.T) {
	p := newHub(t, "clusterprofile")
	folder := t.TempDir()
	for _, c := range p.fleet.Clusters() {
		config := p.fleet.RESTConfig(t, c)
		credential, err := json.Marshal(map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
			"status": map[string]any{"clientCertificateData": string(config.CertData), "clientKeyData": string(config.KeyData)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, c+".json"), credential, 0o600); err != nil {
			t.Fatal(err)
		}
		p.put(t, map[string]any{
			"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile", "metadata": map[string]any{"name": c},
			"spec": map[string]any{"clusterManager": map[string]any{"name": "test"}},
			"status": map[string]any{"accessProviders": []any{map[string]any{"name": "files", "cluster": map[string]any{
				"server": config.Host, "certificate-authority-data": base64.StdEncoding.EncodeToString(config.CAData),
				"extensions": []any{map[string]any{"name": "client.authentication.k8s.io/exec", "extension": map[string]any{"file": c + ".json"}}},
			}}}},
		})
	}
	plugin := filepath.Join(folder, "plugin")
	script := "#!/bin/sh\ncat " + folder + `/"$(echo "$KUBERNETES_EXEC_INFO" | sed 's/.*"file":"\([^"]*\)".*/\1/')"` + "\n"
	if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	programs := filepath.Join(folder, "providers.json")
	if err := os.WriteFile(programs, []byte(`{"providers": [{"name": "files", "execConfig": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "provideClusterInfo": true}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.sameAsKubeconfig(t, 0, "--inventory", "clusterprofile="+hub, "--clusterprofile-providers", programs)
}
