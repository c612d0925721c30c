package fleet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
)

func testJoinKarmada(t *testing.T) {
	l := newKarmadaLab(t)
	t.Run("refused", l.testRefused)
	t.Run("c1 and c2", func(t *testing.T) {
		t.Parallel()
		t.Run("karmadactl takes ours for its own", l.testOurs)
		t.Run("ours takes what karmadactl made", l.testKarmadactls)
	})
	t.Run("c3", func(t *testing.T) {
		t.Parallel()
		t.Run("a role to view", l.testView)
		t.Run("a dead member", l.testDead)
	})
}

// Nothing is written where a check says no.
func (l *karmadaLab) testRefused(t *testing.T) {
	// Somebody who may do some of it, but give no rights away.
	for context, more := range map[string]string{"c1": "", karmada.Hub: ",clusters.cluster.karmada.io"} {
		t.Cleanup(func() {
			l.kubectl(t, "--context", context, "delete", "clusterrole,clusterrolebinding", "some", "--ignore-not-found").want(t, 0)
		})
		l.kubectl(t, "--context", context, "create", "clusterrole", "some", "--verb=*", "--resource=namespaces,serviceaccounts,secrets"+more).want(t, 0)
		l.kubectl(t, "--context", context, "create", "clusterrolebinding", "some", "--clusterrole=some", "--user=somebody").want(t, 0)
	}
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"join", "c1", l.to(), "--yes", "--token-ttl", "1h"}, 5, "--token-ttl"},
		{[]string{"join", "c1", "--to=karmada=c2", "--yes"}, 1, "context c2 is no Karmada control plane"},
		{[]string{"join", "c1", l.to()}, 5, "no terminal"},
		{[]string{"join", "c1", l.to(), "--yes", "--as", "somebody"}, 5, "in c1 you may not create clusterrolebindings.rbac.authorization.k8s.io"},
		{[]string{"join", "c1", l.to(), "--yes", "--role", "captain"}, 2, "no such file"},
		{[]string{"join", "c1", "--role", "view", "--yes"}, 2, "--role is for a hub"},
		{[]string{"join", "karmada", l.to(), "--yes"}, 2, "cannot join itself"},
		{[]string{"join", "c1", l.to(), "--yes", "--labels", "a b=c"}, 2, "a b"},
		{[]string{"unjoin", "c1", l.from(), "--yes"}, 1, "has no cluster c1"},
	} {
		got := l.run(t, tc.args...)
		if got.code != tc.code || !strings.Contains(got.stderr, tc.says) {
			t.Errorf("%q: exit code %d, want %d with %q:\n%s", tc.args, got.code, tc.code, tc.says, got.stderr)
		}
	}
	for _, mode := range []string{"client", "server"} {
		plan := l.run(t, "join", "c1", "c2", l.to(), "--dry-run", mode).want(t, 0)
		if strings.Count(plan.stdout, "create (dry run)") != 20 {
			t.Errorf("--dry-run=%s:\n%s", mode, plan.stdout)
		}
	}
	if got := append(l.traces(t, "c1"), l.clusters(t)...); len(got) > 0 {
		t.Errorf("made although refused: %q", got)
	}
}

func (l *karmadaLab) testOurs(t *testing.T) {
	joined := l.run(t, "join", "c1", "c2", l.to(), "--yes", "--wait", "--labels", "env=test", "--region", "eu", "-o", "yaml").want(t, 0)
	if strings.Contains(joined.stdout+joined.stderr, "token:") || !strings.Contains(joined.stderr, "do not expire") {
		t.Errorf("the result shows a token, or does not say that tokens do not expire:\n%s\n%s", joined.stdout, joined.stderr)
	}
	if again := l.run(t, "join", "c1", "c2", l.to(), "--yes", "--labels", "env=test", "--region", "eu").want(t, 0); strings.Contains(again.stdout, "create") || strings.Contains(again.stdout, "update") {
		t.Errorf("joining again changes something:\n%s", again.stdout)
	}
	if other := l.run(t, "join", "c1", l.to(), "--name", "other", "--yes"); other.code != 5 || !strings.Contains(other.stderr, "already, as c1") {
		t.Errorf("the same cluster under another name: %d %s", other.code, other.stderr)
	}
	read := l.exec(t, l.fleet.Binary(t, "karmadactl"), "get", "clusters", "c1", "c2", "--kubeconfig", l.kubeconfig, "--karmada-context", l.hub).want(t, 0)
	if strings.Count(read.stdout, "True") != 2 {
		t.Errorf("karmadactl reads:\n%s", read.stdout)
	}

	manifest := filepath.Join(t.TempDir(), "propagated.yaml")
	text := `
apiVersion: v1
kind: ConfigMap
metadata: {name: propagated, namespace: default}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: propagated, namespace: default}
spec:
  resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: propagated}]
  placement: {clusterAffinity: {labelSelector: {matchLabels: {env: test}}}}
`
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.onHub(t, "apply", "-f", manifest).want(t, 0)
	eventually(t, "Karmada propagates to what we joined", func() error {
		if got := l.run(t, "get", "cm", "propagated", "-n", "default", "-C", "c1,c2", "-o", "name"); strings.Count(got.stdout, "cm/propagated")+strings.Count(got.stdout, "configmap/propagated") != 2 {
			return errors.New(got.stdout + got.stderr)
		}
		return nil
	})
	l.onHub(t, "delete", "-f", manifest).want(t, 0)

	sideBySide(func(cluster string) { l.karmadactl(t, "unjoin", cluster) }, "c1", "c2")
	for _, cluster := range []string{"c1", "c2"} {
		eventually(t, "karmadactl unjoins "+cluster, func() error { return nothing(l.traces(t, cluster)) })
	}
	if err := nothing(l.clusters(t, "c1", "c2")); err != nil {
		t.Error(err)
	}
}

// hubToken is the token in a Secret of the hub.
func (l *karmadaLab) hubToken(t *testing.T, cluster string) string {
	t.Helper()
	return l.onHub(t, "get", "secret", cluster, "-n", "karmada-cluster", "-o", "jsonpath={.data.token}").want(t, 0).stdout
}

func nothing(left []string) error {
	if len(left) > 0 {
		return fmt.Errorf("left: %q", left)
	}
	return nil
}

func (l *karmadaLab) testKarmadactls(t *testing.T) {
	sideBySide(func(cluster string) { l.karmadactl(t, "join", cluster) }, "c1", "c2")
	adopted := l.run(t, "join", "c1", l.to(), "--yes", "--region", "us", "--wait").want(t, 0)
	if !strings.Contains(adopted.stdout, "update") || strings.Contains(adopted.stdout, "create") {
		t.Errorf("what karmadactl made is not taken over:\n%s", adopted.stdout)
	}
	if region := l.onHub(t, "get", "cluster", "c1", "-o", "jsonpath={.spec.region}").want(t, 0).stdout; region != "us" {
		t.Errorf("region %q", region)
	}
	l.run(t, "unjoin", "c1", "c2", l.from(), "--yes").want(t, 0)
	for _, cluster := range []string{"c1", "c2"} {
		// Its namespace, and the account that all hubs share, are not ours.
		eventually(t, "what is left in "+cluster, func() error {
			kept := []string{"ServiceAccount karmada-cluster karmada-impersonator", "Namespace <none> karmada-cluster"}
			if left := l.traces(t, cluster); !slices.Equal(slices.Sorted(slices.Values(left)), slices.Sorted(slices.Values(kept))) {
				return fmt.Errorf("%q, want %q", left, kept)
			}
			return nil
		})
	}
	sideBySide(func(cluster string) { l.kubectl(t, "--context", cluster, "delete", "ns", "karmada-cluster") }, "c1", "c2")
	if err := nothing(l.clusters(t, "c1", "c2")); err != nil {
		t.Error(err)
	}
}

// The token that the hub gets for the role view reads and does not write: it is
// tried.
func (l *karmadaLab) testView(t *testing.T) {
	l.run(t, "join", "c3", l.to(), "--role", "view", "--yes", "--wait").want(t, 0)
	hub, err := kubernetes.NewForConfig(l.config)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hub.CoreV1().Secrets("karmada-cluster").Get(t.Context(), "c3", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := kubernetes.NewForConfig(&rest.Config{
		Host: l.fleet.RESTConfig(t, "c3").Host, BearerToken: string(secret.Data["token"]), TLSClientConfig: rest.TLSClientConfig{CAData: secret.Data["caBundle"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := viewer.AppsV1().Deployments("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("it cannot read: %v", err)
	}
	_, writes := viewer.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "forbidden"}}, metav1.CreateOptions{})
	_, secrets := viewer.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	for what, err := range map[string]error{"write": writes, "read Secrets": secrets} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("it can %s: %v", what, err)
		}
	}
	if _, err := hub.CoreV1().Secrets("karmada-cluster").Get(t.Context(), "c3-impersonator", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the hub may impersonate: %v", err)
	}
	// So nothing is begun that could not be brought there.
	manifest := filepath.Join(t.TempDir(), "map.yaml")
	if err := os.WriteFile(manifest, []byte("{apiVersion: v1, kind: ConfigMap, metadata: {name: viewed, namespace: default}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := l.run(t, "propagate", "-f", manifest, "--name", "viewed", "-C", "c3", "--via", "karmada="+l.hub, "--dry-run=server").want(t, 5)
	if !strings.Contains(refused.stderr, "ConfigMap default/viewed: c3: Karmada may not create configmaps there: its account karmada-cluster/karmada-c3 lacks the right") {
		t.Errorf("to propagate there: %s", refused.stderr)
	}
	l.run(t, "unjoin", "c3", l.from(), "--yes").want(t, 0)
	eventually(t, "nothing is left", func() error { return nothing(append(l.traces(t, "c3"), l.clusters(t, "c3")...)) })
}

// A member that is dead goes from the hub only if that is insisted on; what is
// left in it is said, and goes when it is back.
func (l *karmadaLab) testDead(t *testing.T) {
	l.run(t, "join", "c3", l.to(), "--yes", "--wait").want(t, 0)
	t.Run("while it is dead", func(t *testing.T) {
		l.fleet.Kill(t, "c3")
		refused := l.run(t, "unjoin", "c3", l.from(), "--yes").want(t, 5)
		if !strings.Contains(refused.stderr, "--force") || len(l.clusters(t, "c3")) != 1 {
			t.Errorf("%s", refused.stderr)
		}
		forced := l.run(t, "unjoin", "c3", l.from(), "--yes", "--force", "--timeout", "5s").want(t, 6)
		if !strings.Contains(forced.stderr, "left in c3") || !strings.Contains(forced.stderr, "karmada-c3") {
			t.Errorf("%s", forced.stderr)
		}
		if err := nothing(l.clusters(t, "c3")); err != nil {
			t.Error(err)
		}
	})
	l.run(t, "unjoin", "c3", l.from(), "--yes", "--timeout", "110s").want(t, 0) // a cluster that has just started takes long to end a namespace
	eventually(t, "nothing is left in c3", func() error { return nothing(l.traces(t, "c3")) })
}
