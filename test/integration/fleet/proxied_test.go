package fleet_test

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// everyCommand reads two clusters through a hub's proxy, by flags, and by their own
// contexts, and wants the same: what streams, too.
func everyCommand(t *testing.T, own, proxied *plugin, one, two string, flags []string) {
	t.Helper()
	const namespace = "proxied"
	own.namespaceIn(t, []string{one, two}, namespace, 1)
	for _, cluster := range []string{one, two} {
		own.kubectl(t, "--context", cluster, "run", "talk", "-n", namespace, "--image", "registry.example/talk:1").want(t, 0)
		own.running(t, cluster, namespace, "talk")
	}
	startKubelet(t, own, one).pod(t, own, one, namespace, "only")

	for _, tc := range []struct {
		code int
		args []string
	}{
		{0, []string{"get", "pods", "-n", namespace, "-o", "json"}},
		{0, []string{"get", "pods", "-A", "--sort-by", ".metadata.name", "-o", "name"}},
		{0, []string{"get", "--raw", "/readyz"}},
		{0, []string{"find", "pod/talk", "-n", namespace}},
		{0, []string{"find", "--image", "registry.example/talk:*", "-o", "name"}},
		{0, []string{"events", "-n", namespace, "-o", "name"}},
		{0, []string{"describe", "pod/talk", "-n", namespace}},
		{0, []string{"logs", "talk", "-n", namespace}},
		{0, []string{"logs", "talk", "-n", namespace, "--tail", "1", "-o", "jsonl"}},
		{0, []string{"top", "nodes"}},
		{1, []string{"diff", "cm/thing-000", "-n", namespace}},
		{7, []string{"exec", "only", "-n", namespace, "-q", "--", "sh", "-c", "echo out; echo err >&2; exit 7"}},
		{0, []string{"version", "--server", "-o", "jsonpath={.items[*].status.version}"}},
	} {
		t.Run(tc.args[0], func(t *testing.T) {
			eventually(t, "the same by both ways", func() error { // ages and numbers change meanwhile
				with := func(p *plugin, flags ...string) result {
					return p.run(t, slices.Insert(slices.Clone(tc.args), 1, flags...)...)
				}
				want, got := with(own, "-C", one+","+two), with(proxied, flags...)
				if want.code != tc.code || want.stdout == "" || got != want {
					return fmt.Errorf("%q: %+v\nby the contexts: %+v", tc.args, got, want)
				}
				return nil
			})
		})
	}

	watch := proxied.follow(t, append([]string{"get", "cm", "-n", namespace, "--watch", "--output-watch-events"}, flags...)...)
	follow := proxied.follow(t, append([]string{"logs", "-f", "talk", "-n", namespace}, flags...)...)
	for _, cluster := range []string{one, two} {
		watch.sees(t, "ADDED", cluster, "thing-000")
		follow.sees(t, "["+cluster+"/talk]", "listening on :8080")
		_, err := own.client(t, cluster).CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "new"}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		watch.sees(t, "ADDED", cluster, "new")
		own.podLogs(t, cluster).say(t, "said through the proxy")
		follow.sees(t, "["+cluster+"/talk]", "said through the proxy")
	}
}
