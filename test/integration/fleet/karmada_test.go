package fleet_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// Karmada takes its time, so the tests of it run beside the others. Those of one hub
// come one after the other: each begins with a hub that nobody has joined. They have
// the clusters from c3 on to themselves, and may break those; the others of the tests
// that are parallel stay in c1 and c2, and nobody breaks them.
func TestKarmada(t *testing.T) {
	t.Parallel()
	t.Run("two members", testKarmadaOfTwo)
	t.Run("join", testJoinKarmada)
	t.Run("two hubs share a cluster", testHubsShareACluster)
}

// With a Karmada of their own, and the last two clusters.
func TestOtherKarmada(t *testing.T) {
	t.Parallel()
	other := newOtherKarmada(t)
	t.Run("inventory", other.testInventory)
	t.Run("rotate", other.testRotate)
	t.Run("tainted", other.testTainted)
	t.Run("a member dies", other.testMemberDies)
	t.Run("the hub dies", other.testHubDies)
}

// Several tests with the same two members, side by side: each has names of its own.
func testKarmadaOfTwo(t *testing.T) {
	l := newKarmadaLab(t)
	regions := map[string]string{"c1": "eu", "c2": "us"}
	sideBySide(func(cluster string) {
		l.run(t, "join", cluster, l.to(), "--yes", "--wait", "--region", regions[cluster])
	}, "c1", "c2")
	if joined := l.clusters(t); len(joined) != 2 {
		t.Fatalf("joined: %q", joined)
	}
	t.Run("divides by weight", l.testDivides)
	t.Run("overrides", l.testOverrides)
	t.Run("propagates", l.testPropagates)
	t.Run("dies in a run", l.testHubDiesInARun)
}

// karmadaLab is a Karmada, to which tests join clusters of the shared fleet. They
// are as they were when the test ends.
type karmadaLab struct {
	*plugin
	// hub is its context, in a kubeconfig that has no other.
	hub, kubeconfig string
	config          *rest.Config
	// folder is where the records of its processes are.
	folder string
	// members are the clusters that may join.
	members []string
}

// newKarmadaLab is the Karmada of the shared fleet, for its first clusters.
func newKarmadaLab(t *testing.T) *karmadaLab {
	t.Helper()
	p := newPlugin(t)
	file, members := p.fleet.Hub(t, karmada.Hub), p.fleet.Clusters()
	l := &karmadaLab{
		plugin: p.with(p.fleet.Kubeconfig(), file), hub: karmada.Hub, kubeconfig: file,
		config: p.fleet.RESTConfig(t, karmada.Hub), folder: filepath.Dir(file), members: members[:min(3, len(members))],
	}
	return l.begin(t)
}

// newOtherKarmada starts another Karmada, for the last two clusters of the same
// fleet.
func newOtherKarmada(t *testing.T) *karmadaLab {
	t.Helper()
	const name = "other"
	p := newPlugin(t)
	bed := testfleet.New(t, bed.Options{Clusters: 1, Nodes: 1, Addons: []addon.Addon{karmada.Addon{}}})
	l := &karmadaLab{hub: name, config: bed.RESTConfig(t, karmada.Hub), folder: filepath.Dir(bed.Hub(t, karmada.Hub))}
	l.members = p.fleet.Clusters()[len(p.fleet.Clusters())-2:]
	config := api.NewConfig()
	config.Clusters[name] = &api.Cluster{Server: l.config.Host, CertificateAuthorityData: l.config.CAData}
	config.AuthInfos[name] = &api.AuthInfo{ClientCertificateData: l.config.CertData, ClientKeyData: l.config.KeyData}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	l.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, l.kubeconfig); err != nil {
		t.Fatal(err)
	}
	l.plugin = p.with(p.fleet.Kubeconfig(), l.kubeconfig)
	return l
}

// begin is the hub for one test, at the end of which all have left it.
func (l *karmadaLab) begin(t *testing.T) *karmadaLab {
	t.Helper()
	if err := nothing(l.clusters(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.leave(t) })
	return l
}

func (l *karmadaLab) to() string { return "--to=karmada=" + l.hub }

func (l *karmadaLab) from() string { return "--from=karmada=" + l.hub }

// leave takes away what a test has not, be it that it failed.
func (l *karmadaLab) leave(t *testing.T) {
	t.Helper()
	if left := l.clusters(t); len(left) > 0 {
		for i, name := range left {
			left[i] = strings.TrimSuffix(name, again)
		}
		l.run(t, append([]string{"unjoin", l.from(), "--yes", "--force"}, left...)...).want(t, 0)
	}
	for _, cluster := range l.members {
		if len(l.traces(t, cluster)) > 0 {
			l.kubectl(t, "--context", cluster, "delete", "ns", "karmada-cluster", "--ignore-not-found").want(t, 0)
			l.kubectl(t, "--context", cluster, "delete", "clusterroles,clusterrolebindings", "-l", "karmada.io/system=true").want(t, 0)
		}
	}
}

// with is the plugin over some kubeconfigs.
func (p *plugin) with(kubeconfigs ...string) *plugin {
	other := *p
	other.env = append(slices.Clone(p.env), "KUBECONFIG="+strings.Join(kubeconfigs, string(filepath.ListSeparator)))
	return &other
}

func (l *karmadaLab) onHub(t *testing.T, args ...string) result {
	t.Helper()
	return l.kubectl(t, append([]string{"--context", l.hub}, args...)...)
}

func (l *karmadaLab) karmadactl(t *testing.T, verb, cluster string, more ...string) result {
	t.Helper()
	args := []string{
		verb, cluster, "--kubeconfig", l.kubeconfig, "--karmada-context", l.hub,
		"--cluster-kubeconfig", l.fleet.Kubeconfig(), "--cluster-context", cluster,
	}
	return l.exec(t, l.fleet.Binary(t, "karmadactl"), append(args, more...)...)
}

// traces are what a join left in a cluster: accounts, rights, Secrets.
func (l *karmadaLab) traces(t *testing.T, cluster string) []string {
	t.Helper()
	var traces []string
	out := l.kubectl(t, "--context", cluster, "get", "sa,secrets,roles,rolebindings,clusterroles,clusterrolebindings,ns", "-A", "--no-headers",
		"-o", "custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name,D:.metadata.deletionTimestamp").want(t, 0).stdout
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		// What Karmada itself propagates for impersonation is not the join's.
		if strings.Contains(line, "karmada") && f[2] != "default" && f[3] == "<none>" && (f[0] == "ServiceAccount" || f[2] != "karmada-impersonator") {
			traces = append(traces, strings.Join(f[:3], " "))
		}
	}
	return traces
}

// clusters are those of the hub, or of these the ones that it has.
func (l *karmadaLab) clusters(t *testing.T, among ...string) []string {
	t.Helper()
	names := strings.Fields(l.onHub(t, "get", "clusters", "-o", "jsonpath={.items[*].metadata.name}").want(t, 0).stdout)
	return slices.DeleteFunc(names, func(name string) bool { return len(among) > 0 && !slices.Contains(among, name) })
}

// sideBySide does the same to several clusters: Karmada takes 15 seconds and
// more to let one go.
func sideBySide(do func(cluster string), clusters ...string) {
	var wg sync.WaitGroup
	for _, cluster := range clusters {
		wg.Go(func() { do(cluster) })
	}
	wg.Wait()
}
