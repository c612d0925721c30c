package script

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

// readCommand is a command that only reads, over all clusters.
type readCommand struct {
	args []string
	// allFailed is the exit code if no cluster answers; 0 means 1.
	allFailed int
}

// readCommands are all that there are. exec, which must not run anything where
// a cluster does not answer, has fleet/exec.txtar.
func readCommands() []readCommand {
	return []readCommand{
		{args: []string{"get"}},
		{args: []string{"get", "pods", "-A"}},
		{args: []string{"get", "pods,configmaps", "--sort-by", ".metadata.name"}},
		{args: []string{"get", "pods", "-A", "-o", "json"}},
		{args: []string{"get", "configmap/settings", "-o", "name"}},
		{args: []string{"find", "web"}},
		{args: []string{"find", "--image", "registry/web:1"}},
		{args: []string{"events", "-A", "--since", "0"}},
		{args: []string{"logs", "talk"}},
		{args: []string{"describe", "configmap/settings"}},
		{args: []string{"top", "nodes"}},
		{args: []string{"diff", "configmap/settings"}, allFailed: 8},
		{args: []string{"version", "--server"}},
	}
}

// fault is one way in which a cluster does not answer.
type fault struct {
	name string
	// inject makes the cluster fail from now on.
	inject func(t *testing.T, f *faultyFleet)
	// reasons are those that a command may give.
	reasons []string
	// rows: some may come before it fails.
	rows bool
}

func faults() []fault {
	served := func(kind fakefleet.FaultKind) func(*testing.T, *faultyFleet) {
		return func(t *testing.T, f *faultyFleet) {
			t.Helper()
			if err := f.server(t, bad).AddFault(fakefleet.Fault{Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
	}
	plugin := func(command ...string) func(*testing.T, *faultyFleet) {
		return func(t *testing.T, f *faultyFleet) {
			t.Helper()
			f.fleet.Kubeconfig.AddLogin(fakefleet.Login{User: "person", Command: command, Mode: apiv1.NeverExecInteractiveMode})
			f.fleet.Kubeconfig.SetContext(fakefleet.Context{Name: bad, Server: bad, User: "person"})
		}
	}
	gone := func(t *testing.T, f *faultyFleet) {
		t.Helper()
		f.fleet.Kubeconfig.RemoveContext(bad)
		file := filepath.Join(f.folder, "fleets.yaml")
		text := "apiVersion: kubectl-fleet.io/v1alpha1\nkind: FleetConfig\nfleets: [{name: f, members: [{context: alpha}, {context: bad}, {context: omega}]}]\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f.env = append(f.env, "KUBECTL_FLEET_CONFIG="+file, "KUBECTL_FLEET=f")
	}
	return []fault{
		{name: "context is gone", inject: gone, reasons: []string{"Misconfigured"}},
		{name: "refuses", inject: served(fakefleet.FaultRefuse), reasons: []string{"Unreachable"}},
		{name: "accepts and is mute", inject: served(fakefleet.FaultMute), reasons: []string{"Timeout"}},
		{name: "hangs", inject: served(fakefleet.FaultHang), reasons: []string{"Timeout"}},
		{name: "stalls in the answer", inject: served(fakefleet.FaultStall), reasons: []string{"Timeout", "Incomplete"}, rows: true},
		{name: "resets in the answer", inject: served(fakefleet.FaultReset), reasons: []string{"Unreachable", "Incomplete"}, rows: true},
		{name: "closes in the answer", inject: served(fakefleet.FaultHalf), reasons: []string{"Unreachable", "Incomplete"}, rows: true},
		{name: "sends half a JSON", inject: served(fakefleet.FaultTruncate), reasons: []string{"InvalidAnswer"}},
		{name: "is a captive portal", inject: served(fakefleet.FaultHTML), reasons: []string{"InvalidAnswer"}},
		{name: "is somebody else", inject: served(fakefleet.FaultUntrusted), reasons: []string{"Untrusted"}},
		{name: "401", inject: served("401"), reasons: []string{"Unauthorized"}},
		{name: "403", inject: served("403"), reasons: []string{"Forbidden"}},
		{name: "429 with Retry-After", inject: served("429"), reasons: []string{"Throttled"}},
		{name: "500", inject: served("500"), reasons: []string{"ServerError"}},
		{name: "503 with Retry-After", inject: served("503"), reasons: []string{"ServerError"}},
		{name: "credential plugin is missing", inject: plugin("no-such-plugin"), reasons: []string{"LoginFailed"}},
		{name: "credential plugin fails", inject: plugin("false"), reasons: []string{"LoginFailed"}},
		{name: "credential plugin prints garbage", inject: plugin("echo", "hello"), reasons: []string{"LoginFailed"}},
	}
}

// Every reading command, beside a cluster with each fault: it says what it says
// without that cluster, names the cluster and the reason, and ends with 3; and
// with that cluster alone it says nothing and ends with 1.
func TestFaults(t *testing.T) {
	for _, one := range faults() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			f := newFaultyFleet(t)
			one.inject(t, f)
			f.write(t)
			for _, command := range readCommands() {
				if one.name == "403" && len(command.args) == 1 {
					continue // the roster says in its cells what may not be seen: it is there all the same
				}
				t.Run(strings.Join(command.args, " "), func(t *testing.T) { f.check(t, command, one) })
			}
		})
	}
}

func (f *faultyFleet) check(t *testing.T, command readCommand, one fault) {
	t.Helper()
	healthy := f.run(t, append(command.args, "-C", "^"+bad)...).want(t, 0)
	if healthy.stdout == "" || healthy.stderr != "" {
		t.Fatalf("without the fault it says\n%s\n%s", healthy.stdout, healthy.stderr)
	}
	beside := f.run(t, append(command.args, "--cluster-timeout", "500ms")...).want(t, 3)
	f.says(t, beside.stderr, one)
	cut := one.rows && strings.Contains(beside.stderr, "Incomplete")
	if got, want := others(beside.stdout), others(healthy.stdout); got != want && !cut {
		t.Errorf("beside the fault it says\n%s\nwithout\n%s", got, want)
	}
	code := command.allFailed
	if code == 0 {
		code = 1
	}
	alone := f.run(t, append(command.args, "-C", bad, "--cluster-timeout", "500ms")...)
	if !one.rows || alone.stdout == "" {
		alone.want(t, code)
	}
	f.says(t, alone.stderr, one)
	for _, r := range []outcome{beside, alone} {
		if strings.Contains(r.stdout+r.stderr, "\x1b") || strings.Contains(r.stderr, "panic") {
			t.Errorf("stdout %q\nstderr %q", r.stdout, r.stderr)
		}
	}
}

// What a server warns of is said once, and changes nothing.
func TestWarnings(t *testing.T) {
	f := newFaultyFleet(t)
	f.write(t)
	for _, command := range readCommands() {
		before := f.run(t, command.args...).want(t, 0)
		warn := fakefleet.Fault{Kind: fakefleet.FaultWarn, Text: "old \u202ething"}
		for _, name := range []string{"alpha", bad} {
			if err := f.server(t, name).AddFault(warn); err != nil {
				t.Fatal(err)
			}
		}
		got := f.run(t, command.args...).want(t, 0)
		if allClusters(got.stdout) != allClusters(before.stdout) {
			t.Errorf("%v says\n%s\nand without the warning\n%s", command.args, got.stdout, before.stdout)
		}
		if !strings.Contains(got.stderr, "alpha, bad: ") || strings.Count(got.stderr, "thing") != 1 || strings.Contains(got.stderr, "\u202e") {
			t.Errorf("%v: stderr %q", command.args, got.stderr)
		}
		for _, name := range []string{"alpha", bad} {
			f.server(t, name).Heal()
		}
	}
}

// says fails the test unless stderr names the cluster with a reason, once.
func (*faultyFleet) says(t *testing.T, stderr string, one fault) {
	t.Helper()
	named := regexp.MustCompile(`(?m)^error: `+bad+`: (\w+): `).FindAllStringSubmatch(stderr, -1)
	if len(named) != 1 || !slices.Contains(one.reasons, named[0][1]) {
		t.Errorf("stderr does not name %s once with one of %v:\n%s", bad, one.reasons, stderr)
	}
}

// others is what a command says of all clusters but the bad one.
func others(stdout string) string {
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if json.Unmarshal([]byte(stdout), &list) == nil {
		text, _ := json.Marshal(list.Items)
		return string(text)
	}
	var lines []string
	// Where one cluster has failed nobody can say that all agree.
	for line := range strings.Lines(strings.ReplaceAll(allClusters(stdout), "<all agree>", "<agree>")) {
		if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); first != "" && first != bad {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

// allClusters is what a command says without what differs between two runs, and
// the widths of columns.
func allClusters(stdout string) string {
	var lines []string
	for line := range strings.Lines(regexp.MustCompile(`<?\b\d+(ms|s)\b`).ReplaceAllString(stdout, "N")) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}
