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
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// leases are those of the set that somebody holds.
func (a *application) leases(t *testing.T) []string {
	t.Helper()
	var held []string
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		list, err := client.CoordinationV1().Leases(a.state).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			held = append(held, cluster+"/"+list.Items[i].Name)
		}
	})
	return held
}

// isDone fails the test unless the same command completes and is then of nothing to do.
func (a *application) isDone(t *testing.T, manifest string, more ...string) {
	t.Helper()
	for cluster, p := range outcomes(t, a.propagate(t, manifest, append(more, "-o", "json")...).want(t, 0)) {
		if p.Phase != v1alpha1.PropagationDone && p.Phase != v1alpha1.PropagationUnchanged {
			t.Errorf("%s: %s: %s", cluster, p.Phase, p.Message)
		}
	}
	if held := a.leases(t); len(held) > 0 {
		t.Errorf("held: %q", held)
	}
	a.writesNothing(t, manifest)
}

// slowly is a deployment whose pods are ready after a delay.
func slowly(delay string) string {
	return strings.Replace(strings.Split(moreObjects, "---\n")[2], "metadata: {labels: {app: web}}",
		`metadata: {labels: {app: web}, annotations: {testbed.kubectl-fleet.io/ready-delay: "`+delay+`"}}`, 1)
}

// Beside a cluster that cannot be planned for nothing is written anywhere; one
// that dies in its wave is completed by the same command when it is back.
func TestPropagateBesideADeadCluster(t *testing.T) {
	a := newApplication(t, "prop-dead")
	well, dying := a.clusters[0], a.clusters[1]
	manifest := with(oneMap, "COLOR", "red")
	t.Run("at the plan", func(t *testing.T) {
		a.fleet.Hang(t, dying)
		r := a.propagate(t, manifest, "--cluster-timeout", "1s").want(t, 1)
		r.says(t, "error: "+dying+": Timeout: ", "nothing was changed: all clusters or none")
		if _, err := a.client(t, well).CoreV1().Namespaces().Get(t.Context(), a.state, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: the state namespace: %v", well, err)
		}
	})
	slow := slowly("3s") + "---\n" + manifest
	t.Run("in its wave", func(t *testing.T) {
		w := a.follow(t, a.args("propagate", "-f", a.file(t, "app.yaml", slow), "--waves", dying+",100%", "--timeout", "8s", "--cluster-timeout", "1s")...)
		w.sees(t, "wave 1/2", dying)
		eventually(t, "the apply", func() error {
			_, err := a.client(t, dying).AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{})
			return err
		})
		a.fleet.Kill(t, dying)
		w.sees(t, dying, "failed after")
		w.ends(t, 6)
		if maps := a.configMaps(t, well); len(maps) > 0 {
			t.Errorf("%s had a turn: %v", well, maps)
		}
	})
	a.isDone(t, slow, "--waves", dying+",100%")
}

// ends waits until the command ends, with this code.
func (f *following) ends(t *testing.T, code int) {
	t.Helper()
	_ = f.cmd.Wait()
	_ = f.out.Close()
	for line := range f.lines {
		f.all = append(f.all, line)
	}
	if got := f.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, want %d\n%s", got, code, strings.Join(f.all, "\n"))
	}
}

// Of two operators at the same time one wins; the other is told and has written
// nothing: what is there is of one of them, everywhere.
func TestPropagateTwoOperators(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-race")
	for round := range 5 {
		var wait sync.WaitGroup
		var commands [2]*exec.Cmd
		var said [2]bytes.Buffer
		for i := range commands {
			color := fmt.Sprintf("round%d-%d", round, i)
			manifest := with(oneMap, "COLOR", color) + with(extraMap, "once", color)
			path := a.file(t, fmt.Sprintf("app%d.yaml", i), manifest)
			commands[i] = exec.CommandContext(t.Context(), a.path, a.args("propagate", "-f", path)...)
			commands[i].Env, commands[i].Stderr = append(slices.Clone(a.env), fmt.Sprintf("USER=operator%d", i)), &said[i]
			wait.Go(func() { _ = commands[i].Run() })
		}
		wait.Wait()
		winner := slices.IndexFunc(commands[:], func(c *exec.Cmd) bool { return c.ProcessState.ExitCode() == 0 })
		if winner < 0 {
			t.Fatalf("round %d: nobody won:\n%s\n%s", round, &said[0], &said[1])
		}
		loser := 1 - winner
		switch code := commands[loser].ProcessState.ExitCode(); code {
		case 0: // one after the other: what is there is of the later
			t.Logf("round %d: one after the other", round)
			winner = -1
		case 5:
			if text := said[loser].String(); !strings.Contains(text, "operator") || !strings.Contains(text, "nothing was changed") {
				t.Errorf("round %d: the one who lost was told\n%s", round, text)
			}
		default:
			t.Errorf("round %d: exit code %d\n%s", round, code, &said[loser])
		}
		var found []string
		a.each(t, func(cluster string, _ *kubernetes.Clientset) {
			maps := a.configMaps(t, cluster)
			found = append(found, maps["settings"]["color"], maps["extra"]["only"])
		})
		for _, color := range found {
			if color != found[0] || winner >= 0 && color != fmt.Sprintf("round%d-%d", round, winner) {
				t.Errorf("round %d: operator %d won, and there are %q", round, winner, found)
				break
			}
		}
		if held := a.leases(t); len(held) > 0 {
			t.Errorf("round %d: held: %q", round, held)
		}
		// What is remembered is what is there.
		for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
			if len(s.Drifted) > 0 || s.Phase != "Done" {
				t.Errorf("round %d: %+v", round, s)
			}
		}
	}
}

// Somebody at work keeps others out, who are told who it is.
func TestPropagateLocked(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-locked")
	manifest := slowly("2s")
	w := a.follow(t, a.args("propagate", "-f", a.file(t, "app.yaml", manifest), "--bake", "1h")...)
	w.sees(t, "wave 1/1")
	a.file(t, "other.yaml", with(oneMap, "COLOR", "red"))
	for _, command := range [][]string{
		a.args("propagate", "-f", a.folder+"/other.yaml", "--prune"), a.args("withdraw"),
	} {
		r := a.run(t, command...).want(t, 5)
		r.says(t, "Refused: ", "@", "is at work on it since 20", "(Lease "+a.state+"/set-"+a.name+")", "nothing was changed",
			"hint: wait until that run ends; a run that died loses its lock by itself, and one that hangs must be ended where it runs")
	}
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		if maps := a.configMaps(t, cluster); len(maps) > 0 {
			t.Errorf("%s: the other wrote %v", cluster, maps)
		}
		if _, err := client.AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{}); err != nil {
			t.Errorf("%s: %v", cluster, err)
		}
	})

	// Ctrl-C in the bake: what was begun stays, the locks go, and the same command
	// completes.
	eventually(t, "the pods", func() error {
		for _, cluster := range a.clusters {
			d, err := a.client(t, cluster).AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil || d.Status.ReadyReplicas < 2 {
				return fmt.Errorf("%s: %d ready: %w", cluster, d.Status.ReadyReplicas, err)
			}
		}
		return nil
	})
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	w.ends(t, 6)
	w.sees(t, "interrupted")
	w.sees(t, "the same command again goes on where this stopped")
	if held := a.leases(t); len(held) > 0 {
		t.Errorf("held after Ctrl-C: %q", held)
	}
	for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
		if s.Phase != v1alpha1.PropagationFailed {
			t.Errorf("after Ctrl-C in the bake: %s", s.Phase)
		}
	}
	a.isDone(t, manifest)
}

// A run that was killed is completed by the same command, once the time of its
// locks is over.
func TestPropagateKilled(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-killed")
	manifest := slowly("1s") + "---\n" + with(oneMap, "COLOR", "red")
	w := a.follow(t, a.args("propagate", "-f", a.file(t, "app.yaml", manifest), "--bake", "1h", "--waves", a.clusters[0]+",100%")...)
	w.sees(t, "wave 1/2")
	eventually(t, "the apply", func() error {
		_, err := a.client(t, a.clusters[0]).CoreV1().ConfigMaps(a.name).Get(t.Context(), "settings", metav1.GetOptions{})
		return err
	})
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	w.ends(t, -1)
	if held := a.leases(t); len(held) != 2 {
		t.Errorf("held by the dead: %q", held)
	}
	a.isDone(t, manifest)
	a.do(t, "withdraw").want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if maps := a.configMaps(t, cluster); len(maps) > 0 {
			t.Errorf("%s: %v", cluster, maps)
		}
	})
}

// restart has a container of a pod of the deployment restart, if one runs.
func restart(t *testing.T, client *kubernetes.Clientset, namespace string) {
	t.Helper()
	pods, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil {
		t.Error(err)
		return
	}
	i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return len(p.Status.ContainerStatuses) > 0 })
	if i < 0 {
		return
	}
	pods.Items[i].Status.ContainerStatuses[0].RestartCount++
	if _, err := client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), &pods.Items[i], metav1.UpdateOptions{}); err != nil && !apierrors.IsConflict(err) {
		t.Error(err)
	}
}

// A container that restarts in the bake fails the gate.
func TestPropagateRestartInTheBake(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-restart")
	w := a.follow(t, a.args("propagate", "-f", a.file(t, "app.yaml", slowly("100ms")), "--bake", "1h", "--waves", a.clusters[0]+",100%")...)
	w.sees(t, "wave 1/2")
	over := make(chan struct{})
	var wait sync.WaitGroup
	client := a.client(t, a.clusters[0])
	wait.Go(func() { // again and again: the bake begins when the run has seen all current
		for every := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-over:
				return
			case <-every.C:
				restart(t, client, a.name)
			}
		}
	})
	w.sees(t, a.clusters[0], "failed after")
	close(over)
	wait.Wait()
	w.ends(t, 6)
	w.sees(t, "error: "+a.clusters[0]+": Unhealthy: ", "restarted", "in the bake")
}

// A set in which nothing is to be done is waited for all the same, and not bringing it to
// health is no success.
func TestPropagateUnchangedAndUnhealthy(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-confirm")
	manifest := slowly("1h")
	a.propagate(t, manifest, "--wait=false").want(t, 0)
	a.propagate(t, manifest, "--wait=false").want(t, 0)
	r := a.propagate(t, manifest, "--timeout", "2s", "-o", "json").want(t, 4)
	for cluster, found := range outcomes(t, r) {
		if found.Phase != v1alpha1.PropagationUnchanged || !strings.Contains(found.Message, "not healthy within 2s") {
			t.Errorf("%s: %s: %s", cluster, found.Phase, found.Message)
		}
	}
	r.says(t, "nothing was changed")
}

// A canary that never becomes healthy: the others have no turn, unless they are to,
// and are as they were.
func TestPropagateCanary(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		onFailure     string
		code          int
		canary, other string // the phases
		image         string // of the canary, after it
		rest          string // the other's image
	}{
		{"pause", 6, v1alpha1.PropagationFailed, v1alpha1.PropagationPending, "registry/web:2", "registry/web:1"},
		{"rollback", 1, v1alpha1.PropagationRolledBack, v1alpha1.PropagationPlanned, "registry/web:1", "registry/web:1"},
		{"continue", 4, v1alpha1.PropagationFailed, v1alpha1.PropagationFailed, "registry/web:2", "registry/web:2"},
	} {
		t.Run(test.onFailure, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, "prop-canary-"+test.onFailure)
			good := slowly("1ms")
			a.propagate(t, good).want(t, 0)
			bad := strings.Replace(slowly("1h"), "web:1", "web:2", 1)
			r := a.propagate(t, bad, "--waves", "canary=1,100%", "--timeout", "3s", "--on-failure", test.onFailure, "-o", "json").want(t, test.code)
			found := outcomes(t, r)
			for i, want := range []struct{ phase, image string }{{test.canary, test.image}, {test.other, test.rest}} {
				cluster := a.clusters[i]
				if found[cluster].Phase != want.phase {
					t.Errorf("%s: %s, want %s: %s", cluster, found[cluster].Phase, want.phase, found[cluster].Message)
				}
				d, err := a.client(t, cluster).AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if image := d.Spec.Template.Spec.Containers[0].Image; image != want.image {
					t.Errorf("%s: %s, want %s", cluster, image, want.image)
				}
			}
			if !strings.Contains(r.stdout, "not healthy within 3s") {
				t.Errorf("it does not say why:\n%s", r.stdout)
			}
			if test.onFailure == "rollback" {
				r.says(t, "rolling back "+a.clusters[0])
			}
			// Whatever it came to, it can be gone on from, and back; there is no further back
			// than what is healthy and was the first.
			back := 0
			if test.onFailure == "rollback" {
				back = 5
			}
			a.do(t, "rollback").want(t, back)
			a.isDone(t, strings.Replace(good, "web:1", "web:3", 1))
		})
	}
}

// A program of the user's is asked after each wave; as long as it says no, its
// wave is not over, and the next has no turn.
func TestPropagateGate(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-gate")
	manifest := with(oneMap, "COLOR", "red")
	waves := []string{"--waves", "canary=1,100%", "--gate"}
	for range 2 { // the same again asks again
		r := a.propagate(t, manifest, append(waves, `echo "asked about $KUBECTL_FLEET_WAVE: $KUBECTL_FLEET_CLUSTERS"; exit 3`)...).want(t, 6)
		r.says(t, "asked about canary: "+a.clusters[0]+"\n", "said no: exit status 3")
		if maps := a.configMaps(t, a.clusters[1]); len(maps) > 0 {
			t.Errorf("%s had a turn: %v", a.clusters[1], maps)
		}
	}
	a.propagate(t, manifest, append(waves, "exit 1", "--on-failure", "rollback")...).want(t, 1)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if maps := a.configMaps(t, cluster); len(maps) > 0 {
			t.Errorf("%s: %v", cluster, maps)
		}
	})
	r := a.propagate(t, manifest, append(waves, `test "$KUBECTL_FLEET_WAVE" != ""; echo "asked about $KUBECTL_FLEET_CLUSTERS"`)...).want(t, 0)
	r.says(t, "asked about "+a.clusters[0]+"\n", "asked about "+a.clusters[1]+"\n")
	a.isDone(t, manifest)
}
