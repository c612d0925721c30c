// Package pages runs the commands of docs pages on real clusters, and compares what they
// say with what the pages show.
package pages

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

const plugin = "kubectl-fleet"

// The test binary is the plugin, where it is called by its name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == plugin {
		os.Exit(int(cli.Main(fleet.NewCmdFleet)))
	}
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
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.run(t)
		})
	}
}

// run runs the commands of the page, one after the other in one shell.
func (p page) run(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", p.name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	f := testfleet.Shared(t)
	p.prepare(t, f)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	for name, program := range map[string]string{plugin: self, "kubectl": f.Binary(t, "kubectl")} {
		if err := os.Symlink(program, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found := commands(string(text))
	if len(found) == 0 {
		t.Fatal("the page has no commands")
	}
	file := filepath.Join(home, "page")
	if err := os.WriteFile(file, []byte(script(found)), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(ctx, "bash", file)
	shell.Dir = home
	shell.Env = append(os.Environ(), "HOME="+home, "KUBECONFIG="+p.kubeconfig(t, f, home), "KUBECACHEDIR="+filepath.Join(home, "cache"),
		"PATH="+home+string(os.PathListSeparator)+os.Getenv("PATH"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Logf("the shell ended with %v", err)
	}
	rest := string(out)
	for _, c := range found {
		said, behind, ended := strings.Cut(rest, mark)
		if !ended {
			t.Fatalf("line %d: the shell did not come to its end: %s", c.line, said)
		}
		code, behind, _ := strings.Cut(behind, "\n")
		rest = behind
		switch {
		case c.want == nil && code != "0":
			t.Errorf("line %d: exit code %s\n%s", c.line, code, said)
		case c.want != nil && !says(said, c.want):
			t.Errorf("line %d: $ %s\n%s\nthe page shows\n%s", c.line, c.text, said, strings.Join(c.want, "\n"))
		}
	}
}

// mark is behind what a command says, and before its exit code.
const mark = "\x1e"

// script runs the commands; each finds the exit code of the one before as a user's shell
// would have it.
func script(all []command) string {
	var text strings.Builder
	for _, c := range all {
		fmt.Fprintf(&text, "(exit ${code:-0})\n%s\ncode=$?\nprintf '%s%%s\\n' $code\n", strings.TrimSuffix(c.text, "\n"), mark)
	}
	return text.String()
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

// kubeconfig has the clusters by the names of the pages.
func (p page) kubeconfig(t *testing.T, f *testfleet.Fleet, home string) string {
	t.Helper()
	from, err := clientcmd.LoadFromFile(f.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	to := clientcmdapi.NewConfig()
	to.CurrentContext = "east"
	for name, cluster := range members() {
		is := from.Contexts[cluster]
		to.Contexts[name] = is
		to.Clusters[is.Cluster], to.AuthInfos[is.AuthInfo] = from.Clusters[is.Cluster], from.AuthInfos[is.AuthInfo]
	}
	if p.far {
		to.Contexts["far"] = &clientcmdapi.Context{Cluster: "far", AuthInfo: to.Contexts["east"].AuthInfo}
		to.Clusters["far"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	}
	file := filepath.Join(home, "kubeconfig")
	if err := clientcmd.WriteToFile(*to, file); err != nil {
		t.Fatal(err)
	}
	return file
}
