package fleet_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// newKarmada starts two clusters with a Karmada beside them, to which none is
// joined. with is the plugin over some kubeconfigs.
func newKarmada(t *testing.T) (f *testfleet.Fleet, hub string, with func(kubeconfigs ...string) *plugin) {
	t.Helper()
	f = testfleet.New(t, bed.Options{Clusters: 2, Addons: []addon.Addon{karmada.Addon{}}})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	base := append(os.Environ(), actAs+"=1", "HOME="+home, "KUBECACHEDIR="+filepath.Join(home, "cache"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	return f, f.Hub(t, karmada.Hub), func(kubeconfigs ...string) *plugin {
		return &plugin{fleet: f, path: self, env: append(slices.Clone(base), "KUBECONFIG="+strings.Join(kubeconfigs, string(filepath.ListSeparator)))}
	}
}

// One context, of a real Karmada, is enough: what is read through it is what the
// members' own contexts give.
func TestInventoryKarmada(t *testing.T) {
	f, hub, with := newKarmada(t)
	own, alone, both := with(f.Kubeconfig()), with(hub), with(f.Kubeconfig(), hub)
	for _, c := range f.Clusters() {
		own.exec(t, f.Binary(t, "karmadactl"), "join", c, "--kubeconfig", hub, "--karmada-context", karmada.Hub,
			"--cluster-kubeconfig", f.Kubeconfig(), "--cluster-context", c, "--cluster-region", "region-of-"+c).want(t, 0)
	}
	inventory := []string{"--inventory", "karmada=" + karmada.Hub}
	eventually(t, "Karmada has told the members whom it may impersonate", func() error {
		if r := alone.run(t, append([]string{"get", "nodes"}, inventory...)...); r.code != 0 {
			return errors.New(r.stderr)
		}
		return nil
	})

	for _, read := range [][]string{{"get", "nodes", "-o", "name"}, {"get", "cm", "-A", "-o", "name"}, {"find", "cm/kube-root-ca.crt", "-o", "name"}, {"get", "--raw", "/version"}} {
		want := own.run(t, read...).want(t, 0).stdout
		if got := alone.run(t, append(read, inventory...)...).want(t, 0).stdout; got != want || want == "" {
			t.Errorf("%v through Karmada:\n%s\nthrough the kubeconfig:\n%s", read, got, want)
		}
	}
	one := alone.run(t, append([]string{"get", "nodes", "-o", "name", "--cluster-selector", "region=region-of-c2"}, inventory...)...).want(t, 0)
	if strings.Contains(one.stdout, "c1/") || !strings.Contains(one.stdout, "c2/") {
		t.Errorf("the nodes of one region: %s", one.stdout)
	}

	roster := func(p *plugin) []v1alpha1.Cluster {
		return decode[v1alpha1.Cluster](t, p.run(t, append([]string{"get", "-o", "json"}, inventory...)...).want(t, 0)).Items
	}
	for _, c := range roster(alone) {
		if c.Status.Phase != "Ready" || !strings.HasSuffix(c.Spec.Server, "/clusters/"+c.Name+"/proxy") {
			t.Errorf("%s: %+v %+v", c.Name, c.Spec, c.Status)
		}
	}
	// With the members' contexts at hand, the way through Karmada is not taken.
	for _, c := range roster(both) {
		if c.Status.Phase != "Ready" || c.Spec.Server != f.RESTConfig(t, c.Name).Host {
			t.Errorf("%s: %+v %+v", c.Name, c.Spec, c.Status)
		}
	}

	// A member that hangs is one failure; the other's rows come.
	f.Hang(t, "c2")
	partial := alone.run(t, append([]string{"get", "nodes", "-o", "name", "--cluster-timeout", "2s"}, inventory...)...).want(t, 3)
	if !strings.Contains(partial.stdout, "c1/") || strings.Contains(partial.stdout, "c2/") || !strings.Contains(partial.stderr, "error: c2: Timeout") {
		t.Errorf("%s\n%s", partial.stdout, partial.stderr)
	}
}
