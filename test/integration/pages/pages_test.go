// Package pages runs the commands of docs pages on real clusters, and compares what they
// say with what the pages show.
package pages

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	docs "github.com/kubectl-fleet/kubectl-fleet/test/page"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// plugins are those that the pages call.
func plugins() docs.Plugins { return docs.Plugins{"kubectl-fleet": fleet.NewCmdFleet} }

func TestMain(m *testing.M) {
	plugins().Act()
	testfleet.Main(m)
}

// patience ends what hangs. It is no measure of speed.
const patience = 3 * time.Minute

// members are the clusters of the pages, by what they are called there.
func members() map[string]string { return map[string]string{"east": "c1", "west": "c2", "apac": "c3"} }

// page is one of docs/.
type page struct {
	name string
	// namespace is there before, where the page wants it, and goes afterwards.
	namespace string
	// before are objects of the namespace, by cluster.
	before map[string]string
	// far: there is also a cluster to which nobody listens.
	far bool
	// hub: there is also a Karmada.
	hub bool
}

func TestPages(t *testing.T) {
	const ledger = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger}
spec: {replicas: 2, selector: {matchLabels: {app: ledger}}, template: {metadata: {labels: {app: ledger}}, spec: {containers: [{name: ledger, image: "registry.example/ledger:%s"}]}}}
`
	const report = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: report}
spec: {selector: {matchLabels: {app: report}}, template: {metadata: {labels: {app: report}}, spec: {nodeSelector: {disk: fast}, containers: [{name: report, image: "registry.example/report:2"}]}}}
`
	deployment := func(name string, replicas int) string {
		return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec: {replicas: %[2]d, selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: %[1]s, image: "registry.example/%[1]s:1"}]}}}
`, name, replicas)
	}
	prices := func(bread int) string {
		return fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: prices}\ndata: {bread: %q}\n", fmt.Sprint(bread))
	}
	shop := deployment("front", 2) + deployment("stock", 1)
	for _, p := range []page{
		{name: "getting-started", namespace: "web-shop"},
		{name: "incident", namespace: "pay", far: true, before: map[string]string{
			"east": fmt.Sprintf(ledger, "1.9"), "west": fmt.Sprintf(ledger, "1.9") + report, "apac": fmt.Sprintf(ledger, "1.8"),
		}},
		{name: "shell-scripting", namespace: "till", far: true, before: map[string]string{"east": shop, "west": shop}},
		{name: "moving-from", namespace: "cart", before: map[string]string{
			"east": deployment("cart", 1) + prices(3), "west": deployment("cart", 1) + prices(4),
		}},
		{name: "karmada", namespace: "menu", hub: true},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.run(t)
		})
	}
}

// run runs the page, with what it wants to find.
func (p page) run(t *testing.T) {
	t.Helper()
	f := testfleet.Shared(t)
	p.prepare(t, f)
	config := docs.Kubeconfig(t, f.Kubeconfig(), members())
	config.CurrentContext = "east"
	if p.far {
		config.Contexts["far"] = &clientcmdapi.Context{Cluster: "far", AuthInfo: "east"}
		config.Clusters["far"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	}
	if p.hub {
		hub := docs.Kubeconfig(t, f.Hub(t, karmada.Hub), map[string]string{"hub": karmada.Hub})
		config.Contexts["hub"], config.Clusters["hub"], config.AuthInfos["hub"] = hub.Contexts["hub"], hub.Clusters["hub"], hub.AuthInfos["hub"]
		ctx, namespaces := context.WithoutCancel(t.Context()), kubernetes.NewForConfigOrDie(f.RESTConfig(t, karmada.Hub)).CoreV1().Namespaces()
		t.Cleanup(func() {
			if err := namespaces.Delete(ctx, p.namespace, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	docs.Shell{Plugins: plugins(), Programs: map[string]string{"kubectl": f.Binary(t, "kubectl")}, Config: config}.Run(t, p.name)
}

// prepare makes what the page wants to find.
func (p page) prepare(t *testing.T, f *testfleet.Fleet) {
	t.Helper()
	for name, cluster := range members() {
		kubectl := func(stdin string, args ...string) string {
			t.Helper()
			cmd := exec.Command(f.Binary(t, "kubectl"), append([]string{"--kubeconfig", f.Kubeconfig(), "--context", cluster, "-n", p.namespace}, args...)...) //nolint:noctx // cleaning up is done with it, too
			cmd.Stdin = strings.NewReader(stdin)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%q: %v: %s", args, err, out)
			}
			return string(out)
		}
		t.Cleanup(func() { kubectl("", "delete", "namespace", p.namespace, "--ignore-not-found") })
		if p.before[name] == "" {
			continue
		}
		kubectl("", "create", "namespace", p.namespace)
		kubectl(p.before[name], "apply", "-f", "-")
		for d := range strings.FieldsSeq(kubectl("", "get", "deployments", "-o", "name")) {
			if d != pending {
				kubectl("", "rollout", "status", d, "--timeout", "2m")
				continue
			}
			for end := time.Now().Add(patience); kubectl("", "get", "events", "--field-selector", "reason=FailedScheduling", "-o", "name") == ""; time.Sleep(100 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nobody says that a pod has no node")
				}
			}
		}
	}
}

// pending is a Deployment whose pod has no node.
const pending = "deployment.apps/report"
