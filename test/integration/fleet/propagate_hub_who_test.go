package fleet_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Without --via it is a Karmada that brings the set, if the clusters are listed by that
// alone; otherwise it is brought directly.
func (l *karmadaLab) testHubByDefault(t *testing.T) {
	s := newHubShop(t, l, "viadefault")
	by := []string{"-C", "c1,c2", "--inventory", "karmada=" + l.hub}
	do := func(args []string, more ...string) result {
		t.Helper()
		return s.run(t, slices.Concat(args, by, more)...)
	}
	propagate := []string{"propagate", "-f", s.file, "--name", s.name}
	for what, more := range map[string][]string{"two inventories": {"--inventory", "kubeconfig"}, "said otherwise": {"--via", "direct"}} {
		if plan := do(propagate, append(more, "--dry-run=server")...).want(t, 0).stdout; strings.Contains(plan, "PropagationPolicy/") || !strings.Contains(plan, "Deployment/web") {
			t.Errorf("%s: the plan is not that of clusters:\n%s", what, plan)
		}
	}
	do(propagate, "--waves", "1,100%", "--yes").want(t, 0) // by policies in a namespace that is not there yet
	if made := s.names(t, s.hub, "propagationpolicies,deployments"); len(made) != 2 {
		t.Errorf("on the hub there are %q, want a policy and a template", made)
	}
	for _, cluster := range []string{"c1", "c2"} {
		if by := s.kubectl(t, "--context", cluster, "get", "deploy/web", "-n", s.name, "-o", `jsonpath={.metadata.labels.karmada\.io/managed}`).want(t, 0).stdout; by != "true" {
			t.Errorf("%s has it, and not from Karmada", cluster)
		}
	}
	set := func(verb string) []string { return []string{verb, s.name} }
	if rows := do(set("status")).want(t, 0).rows(); len(rows) != 2 {
		t.Errorf("status: %q", rows)
	}
	do(set("status"), "--via", "direct").want(t, 1).says(t, "there is no set "+s.name)
	if again := do(propagate, "--yes").want(t, 0).stdout; strings.Count(again, "Unchanged") != 2 {
		t.Errorf("a second time it changes something:\n%s", again)
	}
	s.write(t, "web:1", "web:2")
	do(propagate, "--yes").want(t, 0)
	do(set("rollback"), "--yes").want(t, 0)
	for _, cluster := range []string{"c1", "c2"} {
		if image := s.image(t, cluster); image != "web:1" {
			t.Errorf("back, %s has %s", cluster, image)
		}
	}
	do(set("withdraw"), "--yes").want(t, 0)
	if err := nothing(s.names(t, s.hub, "propagationpolicies,deployments")); err != nil {
		t.Errorf("withdrawn, and on the hub: %v", err)
	}
}

// Of two operators at the same time one wins on the hub, for all clusters; the other is
// told who, and has written nothing. Who is at work keeps others out until they end.
func (l *karmadaLab) testHubTwoOperators(t *testing.T) {
	s := newHubShop(t, l, "viarace")
	s.byHub(t).want(t, 0)
	greetings := func() (found []string) {
		for _, cluster := range []string{"c1", "c2"} {
			found = append(found, s.kubectl(t, "--context", cluster, "get", "cm/web", "-n", s.name, "-o", "jsonpath={.data.greeting}").want(t, 0).stdout)
		}
		return found
	}
	for round := range 3 {
		var wait sync.WaitGroup
		var commands [2]*exec.Cmd
		var said [2]bytes.Buffer
		for i := range commands {
			other := *s
			other.file = fmt.Sprintf("%s.%d", s.file, i)
			other.write(t, "hello", fmt.Sprintf("round%d-%d", round, i))
			commands[i] = exec.CommandContext(t.Context(), s.path, "propagate", "-f", other.file, "--name", s.name, "-C", "c1,c2", "--via", "karmada="+s.hub, "--yes")
			commands[i].Env, commands[i].Stderr = append(slices.Clone(s.env), fmt.Sprintf("USER=operator%d", i)), &said[i]
			wait.Go(func() { _ = commands[i].Run() })
		}
		wait.Wait()
		winner := slices.IndexFunc(commands[:], func(c *exec.Cmd) bool { return c.ProcessState.ExitCode() == 0 })
		if winner < 0 {
			t.Fatalf("round %d: nobody won:\n%s\n%s", round, &said[0], &said[1])
		}
		loser := 1 - winner
		want := fmt.Sprintf("round%d-%d", round, winner)
		switch code := commands[loser].ProcessState.ExitCode(); code {
		case 0: // one after the other: what is there is of the later
			t.Logf("round %d: one after the other", round)
			want = greetings()[0]
		case 5:
			if text := said[loser].String(); !strings.Contains(text, fmt.Sprintf("operator%d@", winner)) || !strings.Contains(text, "nothing was changed") {
				t.Errorf("round %d: operator %d won, and the other was told\n%s", round, winner, text)
			}
		default:
			t.Errorf("round %d: exit code %d\n%s", round, code, &said[loser])
		}
		if found := greetings(); !slices.Equal(found, []string{want, want}) {
			t.Errorf("round %d: operator %d won, and there are %q", round, winner, found)
		}
		for _, status := range decode[v1alpha1.SetStatus](t, s.set(t, "status", "-o", "json").want(t, 0)).Items {
			if len(status.Drifted) > 0 || status.Phase != "Done" {
				t.Errorf("round %d: %+v", round, status)
			}
		}
	}

	s.write(t, "hello", "long")
	w := s.follow(t, "propagate", "-f", s.file, "--name", s.name, "-C", "c1,c2", "--via", "karmada="+s.hub, "--waves", "1,100%", "--bake", "1h", "--yes")
	w.sees(t, "wave 1/2")
	s.write(t, "hello", "other")
	for _, r := range []result{s.byHub(t), s.set(t, "rollback", "--yes"), s.set(t, "withdraw", "--yes")} {
		r.want(t, 5).says(t, "Refused: ", "@", "is at work on it since 20", "(Lease kubectl-fleet/set-"+s.name+")", "nothing was changed")
	}
	eventually(t, "the bake", func() error {
		if found := greetings(); found[0] != "long" || found[1] == "long" {
			return fmt.Errorf("the clusters have %q", found)
		}
		return baking(decode[v1alpha1.SetStatus](t, s.set(t, "status", "-o", "json").want(t, 0)).Items, "c1")
	})
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	w.ends(t, 6)
	w.sees(t, "interrupted")
	w.sees(t, "the same command again goes on where this stopped")
	if held := s.onHub(t, "get", "lease", "set-"+s.name, "-n", "kubectl-fleet", "-o", "name", "--ignore-not-found").want(t, 0).stdout; held != "" {
		t.Errorf("held after Ctrl-C: %s", held)
	}
	if found := greetings(); slices.Contains(found, "other") || found[1] == "long" {
		t.Errorf("after Ctrl-C in the bake, with others kept out: %q", found)
	}
	s.write(t, "hello", "long")
	s.byHub(t, "--waves", "1,100%").want(t, 0)
	if found := greetings(); !slices.Equal(found, []string{"long", "long"}) {
		t.Errorf("gone on with: %q", found)
	}
	s.write(t, "hello", "other")
	s.byHub(t).want(t, 0)
	if found := greetings(); !slices.Equal(found, []string{"other", "other"}) {
		t.Errorf("when it had ended: %q", found)
	}
	s.withdraw(t)
}
