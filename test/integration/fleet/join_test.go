package fleet_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// withFleetFile gives the plugin a fleet file of its own, and a kubeconfig that
// reaches the first cluster by a second context, at another address.
func (p *plugin) withFleetFile(t *testing.T) (file string) {
	t.Helper()
	config, err := clientcmd.LoadFromFile(p.fleet.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	first := config.Contexts[p.fleet.Clusters()[0]]
	elsewhere := config.Clusters[first.Cluster].DeepCopy()
	elsewhere.Server = strings.Replace(elsewhere.Server, "127.0.0.1", "localhost", 1)
	config.Clusters["elsewhere"] = elsewhere
	for name, cluster := range map[string]string{"second": first.Cluster, "elsewhere": "elsewhere"} {
		again := first.DeepCopy()
		again.Cluster = cluster
		config.Contexts[name] = again
	}
	folder := t.TempDir()
	kubeconfig, file := filepath.Join(folder, "config"), filepath.Join(folder, "fleets.yaml")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "KUBECONFIG="+kubeconfig, "KUBECTL_FLEET_CONFIG="+file)
	return file
}

func (p *plugin) uid(t *testing.T, cluster string) string {
	t.Helper()
	namespace, err := p.client(t, cluster).CoreV1().Namespaces().Get(t.Context(), metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(namespace.UID)
}

// Who joined is who is asked from then on, until it is unjoined; the UID that the
// file has is the cluster's.
func TestJoin(t *testing.T) {
	p := newPlugin(t)
	file := p.withFleetFile(t)
	c1, c2 := p.fleet.Clusters()[0], p.fleet.Clusters()[1]
	p.run(t, "join", c1, c2, "--fleet", "pair", "--labels", "env=prod", "--yes").want(t, 0)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range []string{c1, c2} {
		if !strings.Contains(string(text), "clusterUID: "+p.uid(t, cluster)+"\n") {
			t.Errorf("the UID of %s is not in\n%s", cluster, text)
		}
	}
	members := func(args ...string) []string {
		var found []string
		for _, row := range p.run(t, append([]string{"get"}, args...)...).want(t, 0).rows() {
			found = append(found, row[0]+" "+row[1])
		}
		return found
	}
	if got, want := members("--fleet", "pair"), []string{c1 + " Ready", c2 + " Ready"}; !slices.Equal(got, want) {
		t.Errorf("the fleet is %q, want %q", got, want)
	}
	p.run(t, "join", c1, c2, "--fleet", "pair", "--yes").want(t, 0)
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, text) {
		t.Errorf("joining again made of it\n%s", again)
	}
	p.run(t, "label", c2, "env=test", "--overwrite", "--fleet", "pair", "--yes").want(t, 0)
	if got, want := members("--fleet", "pair", "--cluster-selector", "env=prod"), []string{c1 + " Ready"}; !slices.Equal(got, want) {
		t.Errorf("env=prod is %q, want %q", got, want)
	}
	p.run(t, "unjoin", c1, "--fleet", "pair", "--yes").want(t, 0)
	if got, want := members("--fleet", "pair"), []string{c2 + " Ready"}; !slices.Equal(got, want) {
		t.Errorf("the fleet is %q, want %q", got, want)
	}
}

// A cluster is recognized by its UID, whatever its context and address.
func TestJoinRefusesTheSameClusterTwice(t *testing.T) {
	p := newPlugin(t)
	file := p.withFleetFile(t)
	c1 := p.fleet.Clusters()[0]
	p.run(t, "join", c1, "--fleet", "f", "--yes").want(t, 0)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, context := range []string{"second", "elsewhere"} {
		r := p.run(t, "join", context, "--fleet", "f", "--yes").want(t, 5)
		if !strings.Contains(r.stderr, p.uid(t, c1)) || !strings.Contains(r.stderr, context) || !strings.Contains(r.stderr, c1) || r.stdout != "" {
			t.Errorf("%s: stdout %q, stderr %q", context, r.stdout, r.stderr)
		}
	}
	if r := p.run(t, "join", "second", "elsewhere", "--fleet", "g", "--yes").want(t, 5); !strings.Contains(r.stderr, "a copy of it or a second way to it") {
		t.Errorf("stderr %q", r.stderr)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it wrote\n%s", after)
	}
}

// Beside a cluster that hangs nobody joins; a member that hangs can go.
func TestJoinBesideAClusterThatHangs(t *testing.T) {
	p := newPlugin(t)
	file := p.withFleetFile(t)
	names := p.fleet.Clusters()
	well, hung := names[0], names[len(names)-1]
	p.run(t, "join", hung, "--fleet", "f", "--yes").want(t, 0)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p.fleet.Hang(t, hung)
	r := p.run(t, "join", well, hung, "--fleet", "f", "--yes", "--cluster-timeout", "1s").want(t, 1)
	if !strings.Contains(r.stderr, "error: "+hung+": Timeout: ") || r.stdout != "" {
		t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it wrote\n%s", after)
	}
	p.run(t, "unjoin", hung, "--fleet", "f", "--yes").want(t, 0)
	p.run(t, "join", well, "--fleet", "f", "--yes").want(t, 0)
}
