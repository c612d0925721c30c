package script

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

// Without any cluster every command says so, and is a usage error.
func TestNoClusters(t *testing.T) {
	f := newFaultyFleet(t)
	for _, name := range []string{"alpha", bad, "omega"} {
		f.fleet.Kubeconfig.RemoveContext(name)
	}
	f.write(t)
	for _, command := range readCommands() {
		got := f.run(t, command.args...).want(t, 2)
		if got.stdout != "" || !strings.Contains(got.stderr, "error: ") || !strings.Contains(got.stderr, f.kubeconfig()) {
			t.Errorf("%v: stdout %q, stderr %q", command.args, got.stdout, got.stderr)
		}
	}
}

// Of two hundred clusters every row is there, in the order of the clusters, and
// the same each time.
func TestManyClusters(t *testing.T) {
	f := newFaultyFleet(t)
	names := []string{"alpha", bad}
	for i := range 197 {
		names = append(names, fmt.Sprintf("many-%03d", i))
	}
	names = append(names, "omega") // as sorted
	if err := f.fleet.Up(names[2 : len(names)-1]...); err != nil {
		t.Fatal(err)
	}
	f.write(t)
	table := f.run(t, "get", "nodes", "--no-headers").want(t, 0)
	var clusters []string
	for line := range strings.Lines(table.stdout) {
		clusters = append(clusters, strings.Fields(line)[0])
	}
	var want []string
	for _, name := range names {
		want = append(want, name, name) // each has two nodes
	}
	if strings.Join(clusters, " ") != strings.Join(want, " ") {
		t.Errorf("the rows are of %v", clusters)
	}
	for _, args := range [][]string{{"get", "nodes", "-o", "json"}, {"find", "web"}, {"events", "-A", "--since", "0"}} {
		first := f.run(t, args...).want(t, 0)
		if again := f.run(t, args...).want(t, 0); again.stdout != first.stdout {
			t.Errorf("%v says something else the second time", args)
		}
	}
}

// A reader that has seen enough ends the command, quietly.
func TestClosedStdout(t *testing.T) {
	f := newFaultyFleet(t)
	lines := strings.Repeat("2026-01-01T00:00:00Z "+strings.Repeat("x", 1000)+"\n", 500)
	for _, name := range []string{"alpha", bad, "omega"} {
		pod := fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: long, namespace: default, annotations: {fakefleet.test/log: %q}}, spec: {containers: [{name: main}]}, status: {phase: Running}}", lines)
		if err := f.server(t, name).Load([]byte(pod)); err != nil {
			t.Fatal(err)
		}
	}
	f.write(t)
	for _, command := range []string{"get pods -o json", "get pods -o jsonl", "logs long", "logs -f long", "get pods -o yaml"} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "kubectl-fleet "+command+" | head -c 100")
		var stdout, stderr bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = f.env, &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if stdout.Len() != 100 || stderr.Len() > 0 {
			t.Errorf("%s: %d bytes, stderr %q", command, stdout.Len(), &stderr)
		}
	}
}

// Ctrl-C ends every command at once, with 130, whatever a cluster does.
func TestInterrupt(t *testing.T) {
	f := newFaultyFleet(t)
	f.write(t)
	f.run(t, "get", "pods").want(t, 0) // so that the requests below are of the command alone
	hang := fakefleet.Fault{Kind: fakefleet.FaultHang}
	if err := f.server(t, bad).AddFault(hang); err != nil {
		t.Fatal(err)
	}
	commands := append(readCommands(), readCommand{args: []string{"get", "pods", "-w"}}, readCommand{args: []string{"logs", "-f", "talk"}})
	for _, command := range commands {
		t.Run(strings.Join(command.args, " "), func(t *testing.T) {
			server := f.server(t, bad)
			server.ForgetRequests()
			var stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "kubectl-fleet", append(command.args, "--cluster-timeout", "1m")...)
			cmd.Env, cmd.Stderr = f.env, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(patience); len(server.Requests("")) == 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nothing was asked")
				}
			}
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("exit code %d, stderr %q", code, &stderr)
			}
		})
	}
}
