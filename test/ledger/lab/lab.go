// Package lab backs up a ledger that is at work, for tests: what is restored must be of
// one point in time.
package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/test/ledger"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// Lab is a ledger over clusters with Velero, and the plugin.
type Lab struct {
	*killer.Killer
	*ledger.Ledger

	fleet    *testfleet.Fleet
	clusters []string
	env      []string
	folder   string
	// covers is what the grade of a set of it is of.
	covers v1alpha1.BackupCut
}

// New begins a ledger in a namespace of its own, with a till in each cluster, and
// writes a policy by which everything is held still.
func New(t *testing.T, fleet *testfleet.Fleet, clusters ...string) *Lab {
	t.Helper()
	return begin(t, fleet, ledger.InObjects, straight, clusters)
}

// NewStored is New with the money in volumes.
func NewStored(t *testing.T, fleet *testfleet.Fleet, clusters ...string) *Lab {
	t.Helper()
	l := begin(t, fleet, ledger.InVolumes, straight, clusters)
	l.covers = v1alpha1.CutVolumes
	return l
}

// NewBehind is New with something between the plugin and the API servers: behind returns
// the way to a cluster, given the straight one.
func NewBehind(t *testing.T, fleet *testfleet.Fleet, behind func(cluster string, straight *rest.Config) *rest.Config, clusters ...string) *Lab {
	t.Helper()
	return begin(t, fleet, ledger.InObjects, behind, clusters)
}

func straight(_ string, config *rest.Config) *rest.Config { return config }

func begin(t *testing.T, fleet *testfleet.Fleet, kept ledger.Kept, behind func(cluster string, straight *rest.Config) *rest.Config, clusters []string) *Lab {
	t.Helper()
	l := &Lab{Killer: &killer.Killer{}, fleet: fleet, clusters: clusters, folder: t.TempDir()}
	contexts, configs := map[string]*clientcmdapi.Cluster{}, map[string]*rest.Config{}
	for _, c := range clusters {
		contexts[c], configs[c] = l.Before(t, behind(c, fleet.RESTConfig(t, c))), fleet.RESTConfig(t, c)
		l.Kubectl(t, c, "delete", "namespace", "ledger", "--ignore-not-found") // of a test before, which may be on its way
		l.Kubectl(t, c, "create", "namespace", "ledger")
		l.Kubectl(t, c, "-n", "ledger", "create", "deployment", "till", "--image", "registry.example/till:1")
		l.Kubectl(t, c, "-n", "ledger", "rollout", "status", "deployment/till", "--timeout", "2m")
		t.Cleanup(func() { l.Kubectl(t, c, "delete", "namespace", "ledger", "--wait=false") })
	}
	l.env = []string{"HOME=" + l.folder, "KUBECONFIG=" + meddle.Kubeconfig(t, contexts), "KUBECACHEDIR=" + filepath.Join(l.folder, "cache")}
	var err error
	if l.Ledger, err = kept.Begin(t.Context(), "ledger", l.folder, configs, func(err error) { t.Errorf("ledger: %v", err) }, clusters...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.End)
	return l
}

// Policy is a file by which everything is held still. hard says that of each hold.
func (l *Lab) Policy(t *testing.T, hard bool) string {
	t.Helper()
	file := filepath.Join(l.folder, fmt.Sprintf("policy-%t.yaml", hard))
	if err := os.WriteFile(file, []byte(l.Ledger.Policy(hard)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// PolicyLike is a policy with one text of it in place of another.
func (l *Lab) PolicyLike(t *testing.T, is, becomes string) string {
	t.Helper()
	text := l.Ledger.Policy(false)
	if !strings.Contains(text, is) {
		t.Fatalf("the policy has no %s: %s", is, text)
	}
	file := filepath.Join(l.folder, "policy-like.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(text, is, becomes, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// PolicyWith is one with a command that comes before a cluster is held still.
func (l *Lab) PolicyWith(t *testing.T, cluster, command string) string {
	t.Helper()
	hold := l.Freeze(cluster)
	return l.PolicyLike(t, fmt.Sprintf("%q", hold), fmt.Sprintf("%q", command+" >/dev/null; "+hold))
}

// Kubectl runs kubectl in a cluster, and returns what it says.
func (l *Lab) Kubectl(t *testing.T, cluster string, args ...string) string {
	t.Helper()
	return l.run(t, "kubectl", append([]string{"--kubeconfig", l.fleet.Kubeconfig(), "--context", cluster}, args...)...)
}

// velero runs Velero's own command.
func (l *Lab) velero(t *testing.T, cluster string, args ...string) {
	t.Helper()
	l.run(t, "velero", append([]string{"--kubeconfig", l.fleet.Kubeconfig(), "--kubecontext", cluster, "--namespace", "velero"}, args...)...)
}

func (l *Lab) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(l.fleet.Binary(t, program), args...).CombinedOutput() //nolint:noctx // cleaning up is done with it, too
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Create makes a set, and returns it with a file that has its manifest.
func (l *Lab) Create(t *testing.T, args ...string) (set v1alpha1.BackupExecution, manifest string) {
	t.Helper()
	manifest = filepath.Join(l.folder, "set.json")
	code, out, _ := l.Run(t, 0, false, l.env, append([]string{"create", "--yes"}, args...)...)
	if code != 0 {
		t.Fatalf("create: %d: %s", code, out)
	}
	set = l.Newest(t)
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return set, manifest
}

// Newest is the newest set of the ledger.
func (l *Lab) Newest(t *testing.T) v1alpha1.BackupExecution {
	t.Helper()
	code, out := l.Plugin(t, "get", "-o", "json", "-C", strings.Join(l.clusters, ","))
	list := struct {
		Items []v1alpha1.BackupExecution `json:"items"`
	}{}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("get: %d %v: %s", code, err, out)
	}
	for _, set := range list.Items {
		if set.Spec.Policy.Name == "ledger" {
			return set
		}
	}
	t.Fatalf("there is no set: %s", out)
	return v1alpha1.BackupExecution{}
}

// Plugin runs the plugin.
func (l *Lab) Plugin(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	code, output, _ = l.Run(t, 0, false, l.env, args...)
	return code, output
}

// Beside runs the plugin while another runs.
func (l *Lab) Beside(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	var other killer.Killer
	code, output, _ = other.Run(t, 0, false, l.env, args...)
	return code, output
}

// Ended is how the plugin has ended.
type Ended struct {
	Code   int
	Output string
}

// WhileFrozen runs the plugin, and does something as soon as everything is still.
func (l *Lab) WhileFrozen(t *testing.T, do func(), args ...string) Ended {
	t.Helper()
	done := make(chan Ended, 1)
	go func() {
		code, out, _ := l.Run(t, 0, false, l.env, args...)
		done <- Ended{code, out}
	}()
	for {
		select {
		case ended := <-done:
			t.Fatalf("it ended before all was still: %d: %s", ended.Code, ended.Output)
		case <-time.After(10 * time.Millisecond):
		}
		if !slices.ContainsFunc(l.clusters, func(c string) bool { return !l.Frozen(c) }) {
			do()
			return <-done
		}
	}
}

// AwaitBackups returns as soon as each cluster's Velero has begun a Backup of the ledger.
func (l *Lab) AwaitBackups(t *testing.T) {
	t.Helper()
	for _, c := range l.clusters {
		for l.Kubectl(t, c, "get", "backups.velero.io", "-n", "velero", "-l", "kubectl-fleet.io/backup-policy=ledger", "-o", "jsonpath={.items[?(@.status.phase==\"InProgress\")].metadata.name}") == "" {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// Restored restores a set into a namespace beside, and says what there is in it.
func (l *Lab) Restored(t *testing.T, set v1alpha1.BackupExecution, manifest, namespace string) (sum, inFlight int) {
	t.Helper()
	code, out, _ := l.Run(t, 0, false, l.env, "restore", set.Name, "-f", manifest, "--namespace-mappings", "ledger:"+namespace, "--allow-grade", "Independent", "--yes",
		"-C", strings.Join(l.clusters, ","))
	if code != 0 {
		t.Fatalf("restore: %d: %s", code, out)
	}
	return l.counted(t, namespace)
}

func (l *Lab) counted(t *testing.T, namespace string) (sum, inFlight int) {
	t.Helper()
	sum, inFlight, err := l.Sum(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range l.clusters {
		l.Kubectl(t, c, "delete", "namespace", namespace, "--wait=false")
	}
	return sum, inFlight
}

// Conserve backs the ledger up again and again while money moves, by a policy that
// holds it still, and restores it: not one coin may be missing, or too many. Three runs and
// more go on, up to three times as many, until a transfer was under way at a cut.
func (l *Lab) Conserve(t *testing.T, runs int) {
	t.Helper()
	policies := []string{l.Policy(t, false), l.Policy(t, true)}
	moving := 0
	for i := 0; i < runs || runs > 2 && moving == 0 && i < 3*runs; i++ {
		before := l.Transfers()
		set, manifest := l.Create(t, "-f", policies[i%2])
		if set.Status.Grade != v1alpha1.GradeQuiesced || !set.Status.Complete || set.Status.Covers != l.covers {
			t.Fatalf("run %d is %s of %q: %v", i+1, set.Status.Grade, set.Status.Covers, set.Status.Why)
		}
		sum, inFlight := l.Restored(t, set, manifest, fmt.Sprintf("ledger-q%d", i))
		if sum != l.Total() {
			t.Errorf("run %d (%s): %d was restored, and there is %d", i+1, set.Name, sum, l.Total())
		}
		if inFlight > 0 {
			moving++
		}
		t.Logf("run %d: exact, %d transfers under way; frozen %d ms, barrier %d ms, cut span %d ms; %d transfers meanwhile",
			i+1, inFlight, *set.Status.FrozenMillis, *set.Status.BarrierWidthMillis, *set.Status.CutSpanMillis, l.Transfers()-before)
	}
	if moving == 0 && runs > 2 {
		t.Errorf("no transfer was under way at any cut: this proves little")
	}
}

// Lose is the control: without a barrier the sum comes out wrong. It returns how often,
// by our own Backups that are asked for at the same time, and by plain ones of Velero's
// command, one after the other.
func (l *Lab) Lose(t *testing.T, runs int) (aligned, plain int) {
	t.Helper()
	for i := range runs {
		set, manifest := l.Create(t, "ledger", "-C", strings.Join(l.clusters, ","), "--include-namespaces", "ledger", "--ttl", "1h")
		if sum, _ := l.Restored(t, set, manifest, fmt.Sprintf("ledger-a%d", i)); sum != l.Total() {
			aligned++
		}
		name := fmt.Sprintf("plain-%d", i)
		for _, c := range l.clusters {
			l.velero(t, c, "backup", "create", name+"-"+c, "--include-namespaces", "ledger", "--ttl", "1h", "--wait")
		}
		for _, c := range l.clusters {
			l.velero(t, c, "restore", "create", name+"-"+c, "--from-backup", name+"-"+c, "--namespace-mappings", "ledger:ledger-p"+fmt.Sprint(i), "--wait")
		}
		if sum, _ := l.counted(t, fmt.Sprintf("ledger-p%d", i)); sum != l.Total() {
			plain++
		}
	}
	return aligned, plain
}
