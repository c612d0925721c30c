package fleetbackup_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/rights"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

var update = flag.Bool("update", false, "write the table of rbac anew")

// sometimes are rules that a command needs only at times: how often Velero is looked at, and
// how, depends on how quick it is; a lock is renewed after a while; create asks beforehand
// for all that it may come to, and preflight for all that create needs. From Kubernetes 1.35
// on, exec needs create beside the get that the audit log has.
func sometimes() map[string]string {
	const (
		answers   = "velero get,watch,create,delete serverstatusrequests.velero.io"
		downloads = "velero get,watch,create,delete downloadrequests.velero.io"
		backups   = "velero get,list,watch,create backups.velero.io"
		lock      = "state get,create,update,delete leases.coordination.k8s.io"
		remembers = "state get,list,create,update secrets"
		manifest  = "state create,patch configmaps"
		exec      = "work get,create pods/exec"
		scale     = "work update */scale"
	)
	making := []string{
		answers, downloads, backups, lock, remembers, manifest, exec, scale, "work get,patch *", "work list pods", "work list persistentvolumeclaims",
		"velero get configmaps", // of a resource policy
		"cluster get volumesnapshotcontents.snapshot.storage.k8s.io", "work list volumesnapshots.snapshot.storage.k8s.io",
	}
	deleting := []string{
		"velero get,watch,create deletebackuprequests.velero.io",
		"velero get,list,watch,delete backups.velero.io", // one that waits goes as an object
	}
	restoring := []string{answers, downloads, lock, remembers, "velero get,list,watch,create restores.velero.io"}
	all := map[string]string{}
	for command, rules := range map[string][]string{
		"preflight": making, "create": making, "schedule": slices.Concat(making, deleting), "delete": deleting,
		"recover": {downloads, backups, lock, remembers, manifest, exec, scale},
		"restore": append(restoring, exec), "drill": append(restoring, "cluster get,create pods/exec", "velero delete restores.velero.io"),
		"migrate": slices.Concat([]string{answers, downloads, backups, lock, remembers, manifest}, restoring),
		"logs":    {downloads}, "verify": {downloads},
	} {
		for _, rule := range rules {
			all[command] += command + " " + rule + "\n"
		}
	}
	return all
}

// stall is an application over two clusters, and a policy by which it is held still in
// every way that there is.
type stall struct {
	name, state string
	// dir has what the targets note, and the policies.
	dir string
}

func newStall(t *testing.T, name string) *stall {
	t.Helper()
	s := &stall{name: name, state: name + "-memory", dir: t.TempDir()}
	for _, c := range []string{"c1", "c2"} {
		shop(t, c, name)
		create(t, objects(t, c, "apps", "v1", "deployments", name), till())
		create(t, objects(t, c, "apps", "v1", "deployments", name), deployment("worker"))
		create(t, objects(t, c, "", "v1", "persistentvolumeclaims", name), claim("data"))
		create(t, objects(t, c, "batch", "v1", "cronjobs", name), map[string]any{
			"apiVersion": "batch/v1", "kind": "CronJob", "metadata": map[string]any{"name": "till"},
			"spec": map[string]any{"schedule": "0 0 1 1 *", "jobTemplate": map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
				"restartPolicy": "Never", "containers": []any{map[string]any{"name": "till", "image": "registry.example/till:1"}},
			}}}}},
		})
		rolledOut(t, c, name)
	}
	return s
}

// held is where a target notes that it is held still.
func (s *stall) held(cluster string) string { return filepath.Join(s.dir, "held-"+cluster) }

// policy writes one of a name, with more fields of its spec.
func (s *stall) policy(t *testing.T, name, more string) string {
	t.Helper()
	text := fmt.Sprintf(`apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: %[1]s}
spec:
  members: [{cluster: c1}, {cluster: c2}]
  velero: {template: {includedNamespaces: [%[2]s], ttl: 1h}}
  cut: Volumes
  probes: [{namespace: %[2]s, selector: app=till, command: ["true"]}]
  %[3]s
  quiesce:
  - actions:
    - {clusters: [c1], scale: {namespace: %[2]s, kind: Deployment, name: worker, to: 0}}
    - {clusters: [c2], patch: {apiVersion: batch/v1, kind: CronJob, namespace: %[2]s, name: till, freeze: {spec: {suspend: true}}}}
`, name, s.name, more)
	for _, c := range []string{"c1", "c2"} {
		text += fmt.Sprintf("    - {clusters: [%s], exec: {namespace: %s, selector: app=till, freeze: [touch, %[3]s], release: [rm, -f, %[3]s], probe: [test, -e, %[3]s]}}\n", c, s.name, s.held(c))
	}
	path := filepath.Join(s.dir, name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// create makes a set as one who may do everything, and returns its name.
func (s *stall) create(t *testing.T, policy, file string) string {
	t.Helper()
	return nameOf(t, policy, plugin(t, cli.ExitOK, "create", "-f", file, "--allow-no-deadman", "--yes", "--state-namespace", s.state))
}

// die is a create that is killed while all is held still.
func (s *stall) die(t *testing.T, file string) {
	t.Helper()
	var k killer.Killer
	over := make(chan int)
	go func() {
		code, _, _ := k.Run(t, 0, false, []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + bed(t).Kubeconfig()},
			"create", "-f", file, "--allow-no-deadman", "--yes", "--state-namespace", s.state)
		over <- code
	}()
	eventually(t, func() error {
		for _, c := range []string{"c1", "c2"} {
			if _, err := os.Stat(s.held(c)); err != nil {
				return err
			}
		}
		return nil
	})
	k.Signal(os.Kill)
	if code := <-over; code != -1 {
		t.Fatalf("create: %d", code)
	}
}

// Every command works with exactly the roles that rbac prints for it, and needs all of
// them.
func TestRights(t *testing.T) {
	s := newStall(t, "rights")
	b := rights.NewBench(t, rights.Bench{
		Fleet: bed(t), Plugin: "kubectl-fleetbackup", Env: killer.Env(), Clusters: []string{"c1", "c2"}, State: s.state, Velero: addon.Namespace,
		Table: "../../../pkg/rights/kubectl-fleetbackup.txt", Update: *update,
	})
	policy, due := s.policy(t, s.name, ""), s.policy(t, s.name+"-due", "cron: 0 0 1 1 *\n  retention: 1")
	set := s.create(t, s.name, policy)
	t.Cleanup(func() {
		_ = objects(t, "c2", "", "v1", "namespaces", "").Delete(context.WithoutCancel(t.Context()), s.name+"-2", metav1.DeleteOptions{})
	})
	const in = "-C=c1,c2"
	of := func(args ...string) rights.Case {
		return rights.Case{Args: append(args, "--state-namespace", s.state), Namespace: s.name, Types: []string{"deployments.apps", "cronjobs.batch"}}
	}
	after := func(c rights.Case, before func(*testing.T)) rights.Case {
		c.Before = before
		return c
	}
	// warned is a case that make proof tries without each of its rights, and that says what it goes on without. Requests to Velero that may not be
	// deleted run out, and those that may not be watched are asked for again and again.
	warned := func(c rights.Case) rights.Case {
		const unread, uncut, unknown = "what Velero says of errors and volumes cannot be read", "that the volumes are cut cannot be seen", "NotLookedAt: not known: "
		c.InProof, c.Tolerates = true, map[string]string{
			"create downloadrequests.velero.io": unread, "get downloadrequests.velero.io": unread,
			"get volumesnapshotcontents.snapshot.storage.k8s.io": uncut, "list volumesnapshots.snapshot.storage.k8s.io": uncut,
			"list namespaces":       "", // the policy names its own
			"list deployments.apps": unknown, "list volumesnapshotclasses.snapshot.storage.k8s.io": unknown, "list volumesnapshotlocations.velero.io": unknown,
			"delete downloadrequests.velero.io": "", "delete serverstatusrequests.velero.io": "", "watch downloadrequests.velero.io": "", "watch serverstatusrequests.velero.io": "",
		}
		return c
	}
	// oneByOne is a case that make proof tries without each of its rights, and that changes nothing then.
	oneByOne := func(c rights.Case, tolerates map[string]string) rights.Case {
		c.InProof, c.Untouched, c.Narrow, c.Tolerates = true, true, []string{"deployments.apps", "cronjobs.batch"}, tolerates
		return c
	}
	// polled is what is asked for again and again by somebody who may not watch it, and runs
	// out for somebody who may not delete it.
	polled := map[string]string{"watch restores.velero.io": "", "delete serverstatusrequests.velero.io": "", "watch serverstatusrequests.velero.io": ""}
	another := of("delete", "", in, "--yes") // a set that is made for it
	failed := func(c rights.Case) rights.Case {
		c.Code = int(cli.ExitFailed)
		return c
	}
	// kept is a case that restores over what is there, of whatever types that is.
	kept := func(c rights.Case) rights.Case {
		c.Code, c.Every = int(cli.ExitDegraded), append(c.Every, "/"+s.name+"/deployments/", "/"+s.name+"/cronjobs/")
		return c
	}
	reading := func(args ...string) rights.Case {
		c := of(append(args, in)...)
		c.Types, c.Lacking = nil, true
		return c
	}
	looking := func(args ...string) rights.Case {
		c := reading(args...)
		c.Lacking = false // without the store both say what they know
		return c
	}
	// every is a case in which some requests, by what is in their address, are of every type.
	every := func(address string, args ...string) rights.Case {
		c := of(args...)
		c.Types, c.Every = nil, []string{address}
		return c
	}
	onlyReads := func(c rights.Case) rights.Case {
		c.Reads = true
		return c
	}
	// Velero may take a Backup that has ended for one that is under way until it is restarted.
	restarted := func(t *testing.T) {
		t.Helper()
		t.Run("Velero is restarted", func(t *testing.T) {
			killVelero(t, "c1")
			killVelero(t, "c2")
		})
	}
	const restored, labelled = "velero.io%2Frestore-name", "app%3Dtill"
	for _, command := range []struct {
		name  string
		cases []rights.Case
	}{
		{"version", []rights.Case{{Args: []string{"version", "--server", in}}}},
		{"preflight", []rights.Case{
			of("preflight", "-f", policy, "--allow-no-deadman"),
			every(labelled, "preflight", "some", in, "--include-namespaces", s.name, "-l", "app=till"),
		}},
		{"create", []rights.Case{
			warned(of("create", "-f", policy, "--allow-no-deadman", "--yes")),
			every(labelled, "create", "some", in, "--include-namespaces", s.name, "-l", "app=till", "--yes"),
		}},
		{"recover", []rights.Case{
			after(failed(of("recover", in)), func(t *testing.T) {
				t.Helper()
				s.die(t, policy)
			}),
			after(of("recover", in), func(t *testing.T) {
				t.Helper()
				run(t, "create", "-f", policy, "--allow-no-deadman", "--yes", "--wait=false", "--state-namespace", s.state)
			}),
		}},
		{"get", []rights.Case{reading("get"), reading("get", "--foreign")}},
		{"describe", []rights.Case{reading("describe", set)}},
		{"logs", []rights.Case{looking("logs", set)}},
		{"verify", []rights.Case{looking("verify", set)}},
		{"restore", []rights.Case{
			onlyReads(every("/namespaces/"+s.name+"/", "restore", set, in, "--preview")),
			kept(oneByOne(every(restored, "restore", set, in, "--storage-class-mappings", snapshots.Class+":"+snapshots.Class, "--yes"), polled)),
		}},
		{"drill", []rights.Case{every(restored, "drill", set, in, "--yes")}},
		{"migrate", []rights.Case{every(restored, "migrate", "--from", "c1", "--to", "c2", "-n", s.name, "--namespace-mappings", s.name+":"+s.name+"-2", "--yes")}},
		{"schedule", []rights.Case{
			reading("schedule", "list"),
			of("schedule", "run-due", "-f", due, "--allow-no-deadman", "--yes"),
			after(of("schedule", "run-due", "-f", due, "--allow-no-deadman", "--yes"), func(t *testing.T) {
				t.Helper()
				s.create(t, s.name+"-due", due)
				restarted(t)
			}),
		}},
		{"delete", []rights.Case{after(of("delete", set, in, "--yes"), restarted), after(oneByOne(another, map[string]string{"watch backups.velero.io": "", "watch deletebackuprequests.velero.io": ""}), func(t *testing.T) {
			t.Helper()
			another.Args[1] = s.create(t, s.name, policy)
			restarted(t)
		})}},
	} {
		t.Run(command.name, func(t *testing.T) { b.Verify(t, command.name, sometimes()[command.name], command.cases...) })
	}
}
