package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// One context, of a real Karmada, is enough: what is read through it is what the
// members' own contexts give.
func (l *karmadaLab) testInventory(t *testing.T) {
	l.begin(t)
	one, two := l.members[0], l.members[1]
	f := l.fleet
	own, alone := l.with(f.Kubeconfig()), l.with(l.kubeconfig)
	inventory := []string{"--inventory", "karmada=" + l.hub}
	l.run(t, "join", two, l.to(), "--yes", "--region", "region-of-two", "--wait").want(t, 0)
	alone.run(t, append([]string{"get", "nodes"}, inventory...)...).want(t, 0) // at once: that is what --wait waits for
	l.karmadactl(t, "join", one, "--cluster-region", "region-of-one").want(t, 0)
	eventually(t, "Karmada has told the members whom it may impersonate", func() error {
		if r := alone.run(t, append([]string{"get", "nodes"}, inventory...)...); r.code != 0 {
			return errors.New(r.stderr)
		}
		return nil
	})

	for _, read := range [][]string{{"get", "nodes", "-o", "name"}, {"get", "cm", "-A", "-o", "name"}, {"find", "cm/kube-root-ca.crt", "-o", "name"}, {"get", "--raw", "/version"}} {
		want := own.run(t, append(read, "-C", one+","+two)...).want(t, 0).stdout
		if got := alone.run(t, append(read, inventory...)...).want(t, 0).stdout; got != want || want == "" {
			t.Errorf("%v through Karmada:\n%s\nthrough the kubeconfig:\n%s", read, got, want)
		}
	}
	region := alone.run(t, append([]string{"get", "nodes", "-o", "name", "--cluster-selector", "region=region-of-two"}, inventory...)...).want(t, 0)
	if strings.Contains(region.stdout, one+"/") || !strings.Contains(region.stdout, two+"/") {
		t.Errorf("the nodes of one region: %s", region.stdout)
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
	for _, c := range roster(l.plugin) {
		if c.Status.Phase != "Ready" || c.Spec.Server != f.RESTConfig(t, c.Name).Host {
			t.Errorf("%s: %+v %+v", c.Name, c.Spec, c.Status)
		}
	}

	t.Run("every command", func(t *testing.T) { everyCommand(t, own, alone, one, two, inventory) })
	t.Run("a member hangs", func(t *testing.T) { // one failure; the other's rows come
		f.Hang(t, two)
		partial := alone.run(t, append([]string{"get", "nodes", "-o", "name", "--cluster-timeout", "2s"}, inventory...)...).want(t, 3)
		if !strings.Contains(partial.stdout, one+"/") || strings.Contains(partial.stdout, two+"/") || !strings.Contains(partial.stderr, "error: "+two+": Timeout") {
			t.Errorf("%s\n%s", partial.stdout, partial.stderr)
		}
	})
}
