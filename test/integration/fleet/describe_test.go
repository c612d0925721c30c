package fleet_test

import (
	"strings"
	"testing"
)

// Each cluster's part is what kubectl describe says there.
func TestDescribeIsKubectls(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "describe-test", 1)
	cluster := p.fleet.Clusters()[0]
	node := p.run(t, "get", "nodes", "-C", cluster).want(t, 0).rows()[0][1]
	for _, args := range [][]string{
		{"namespace/describe-test"}, {"cm/thing-000", "-n", "describe-test"}, {"service/kubernetes", "-n", "default"}, {"clusterrole", "view"},
		{"flowschema/exempt"}, {"node", node, "--show-events=false"}, {"apiservice", "v1.apps"},
	} {
		ours := p.run(t, append([]string{"describe", "-C", cluster}, args...)...).want(t, 0)
		theirs := p.kubectl(t, append([]string{"describe", "--context", cluster}, args...)...).want(t, 0)
		text, headed := strings.CutPrefix(ours.stdout, "==> "+cluster+" <==\n")
		if !headed {
			t.Fatalf("no header:\n%s", ours.stdout)
		}
		if withoutChanging(text) != withoutChanging(theirs.stdout) {
			t.Errorf("%v: ours:\n%s\nkubectl's:\n%s", args, text, theirs.stdout)
		}
	}
	all := p.run(t, "describe", "ns/default").want(t, 0)
	for _, cluster := range p.fleet.Clusters() {
		if strings.Count(all.stdout, "==> "+cluster+" <==\n") != 1 {
			t.Errorf("%s is not there once:\n%s", cluster, all.stdout)
		}
	}
}

// withoutChanging drops the lines that change between two calls: times of
// heartbeats and leases.
func withoutChanging(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "RenewTime") && !strings.Contains(line, "kubelet ") && !strings.Contains(line, "Resource Version") {
			kept = append(kept, strings.TrimRight(line, " \n"))
		}
	}
	return strings.TrimRight(strings.Join(kept, "\n"), "\n")
}
