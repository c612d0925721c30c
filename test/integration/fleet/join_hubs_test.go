package fleet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// again ends the names of clusters that have joined another hub, too: there they
// cannot have the same name.
const again = "-again"

// propagates gives an object to the hub, which brings it to a cluster of its.
func (l *karmadaLab) propagates(t *testing.T, name, cluster, object string) {
	t.Helper()
	manifest := filepath.Join(t.TempDir(), "propagated.yaml")
	text := fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: %[1]s, namespace: default}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: %[1]s, namespace: default}
spec:
  resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: %[1]s}]
  placement: {clusterAffinity: {clusterNames: [%[2]s]}}
`, object, name)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.onHub(t, "apply", "-f", manifest).want(t, 0)
	t.Cleanup(func() { l.onHub(t, "delete", "-f", manifest).want(t, 0) })
	eventually(t, l.hub+" propagates to "+cluster, func() error {
		if got := l.kubectl(t, "--context", cluster, "get", "cm", object, "-n", "default"); got.code != 0 {
			return errors.New(got.stderr)
		}
		return nil
	})
}

// Two control planes share a cluster and one of them leaves, whoever came first
// and whatever it was joined with: the other one keeps all that it has there, and
// goes on working. After the other one nothing of ours is left.
func testHubsShareACluster(t *testing.T) {
	first, second := newKarmadaLab(t), newOtherKarmada(t)
	second.members = first.members
	first.plugin = first.with(first.fleet.Kubeconfig(), first.kubeconfig, second.kubeconfig)
	second.plugin = first.plugin
	second.begin(t)
	first.run(t, "join", "c1", "c3", first.to(), "--yes").want(t, 0)
	first.karmadactl(t, "join", "c2").want(t, 0)
	for _, cluster := range []string{"c1", "c2"} {
		refused := second.run(t, "join", cluster, second.to(), "--yes").want(t, 5)
		if !strings.Contains(refused.stderr, "another control plane, which has this cluster under the same name: choose another --name") {
			t.Errorf("%s", refused.stderr)
		}
		second.run(t, "join", cluster, second.to(), "--yes", "--wait", "--name", cluster+again).want(t, 0)
	}
	second.exec(t, second.fleet.Binary(t, "karmadactl"), "join", "c3"+again, "--kubeconfig", second.kubeconfig, "--karmada-context", second.hub,
		"--cluster-kubeconfig", second.fleet.Kubeconfig(), "--cluster-context", "c3").want(t, 0)

	// Who leaves which cluster first. The other hub's join there was, in this order,
	// of ours, of karmadactl, and of ours.
	leaves := map[string]*karmadaLab{"c1": first, "c2": second, "c3": second}
	stays := map[string]*karmadaLab{"c1": second, "c2": first, "c3": first}
	nameOf := func(hub *karmadaLab, cluster string) string {
		if hub == second {
			return cluster + again
		}
		return cluster
	}
	before := map[string][]string{}
	for cluster, hub := range stays {
		hub.propagates(t, nameOf(hub, cluster), cluster, "before-"+cluster)
		before[cluster] = first.traces(t, cluster)
	}
	sideBySide(func(cluster string) { leaves[cluster].run(t, "unjoin", cluster, leaves[cluster].from(), "--yes") }, "c1", "c2", "c3")
	for cluster, hub := range stays {
		leaver := leaves[cluster]
		if err := nothing(leaver.clusters(t, nameOf(leaver, cluster))); err != nil {
			t.Errorf("%s: %v", leaver.hub, err)
		}
		want := slices.DeleteFunc(before[cluster], func(trace string) bool {
			return strings.HasSuffix(trace, "karmada-"+nameOf(leaver, cluster))
		})
		if got := first.traces(t, cluster); !slices.Equal(got, want) || !slices.Contains(got, "ServiceAccount karmada-cluster karmada-impersonator") {
			t.Errorf("%s has left %s: %q is there, want %q", leaver.hub, cluster, got, want)
		}
		hub.kubectl(t, "--context", cluster, "get", "secret", "karmada-impersonator", "-n", "karmada-cluster").want(t, 0)
		hub.propagates(t, nameOf(hub, cluster), cluster, "after-"+cluster)
	}

	sideBySide(func(cluster string) { stays[cluster].run(t, "unjoin", cluster, stays[cluster].from(), "--yes") }, "c1", "c2", "c3")
	for cluster, hub := range stays {
		if err := nothing(hub.clusters(t, nameOf(hub, cluster))); err != nil {
			t.Errorf("%s: %v", hub.hub, err)
		}
		eventually(t, "nothing of ours is left in "+cluster, func() error {
			ours := first.kubectl(t, "--context", cluster, "get", "sa,secrets,roles,rolebindings,clusterroles,clusterrolebindings,ns", "-A", "--no-headers",
				"-o", "custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name", "-l", "app.kubernetes.io/managed-by=kubectl-fleet").want(t, 0).stdout
			var left []string
			for line := range strings.Lines(ours) {
				if strings.Contains(line, "karmada") { // the rest remembers what other tests propagate
					left = append(left, strings.TrimSpace(line))
				}
			}
			return nothing(left)
		})
	}
}
