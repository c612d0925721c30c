package fleet_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

func (l *karmadaLab) testRotate(t *testing.T) {
	l.begin(t)
	one, two := l.members[0], l.members[1]
	refused := l.run(t, "join", one, l.to(), "--rotate", "--yes").want(t, 5)
	if !strings.Contains(refused.stderr, one+" has not joined "+l.hub+": join it first, without --rotate") {
		t.Errorf("what has not joined: %s", refused.stderr)
	}
	if got := append(l.traces(t, one), l.clusters(t)...); len(got) > 0 {
		t.Errorf("made although refused: %q", got)
	}
	l.run(t, "join", one, two, l.to(), "--yes", "--wait", "--labels", "env=test").want(t, 0)
	t.Run("dry run", l.testRotateDry)
	t.Run("with a restart of Karmada in between", l.testRotateKeepOld)
	t.Run("at once", l.testRotated)
	t.Run("the impersonator of two hubs", l.testRotateShared)
	t.Run("a hub that does not report", l.testRotateUnproven)
	t.Run("what karmadactl joined", l.testRotateKarmadactls)
}

// tokenNames are the Secrets of a cluster with a token for the hub.
func (l *karmadaLab) tokenNames(t *testing.T, cluster string) []string {
	t.Helper()
	names := l.kubectl(t, "--context", cluster, "get", "secrets", "-n", "karmada-cluster", "-o",
		`jsonpath={.items[?(@.metadata.annotations.kubernetes\.io/service-account\.name=="karmada-`+cluster+`")].metadata.name}`).want(t, 0)
	return strings.Fields(names.stdout)
}

// tokens are those that the hub has for a cluster: its own and the impersonator's.
func (l *karmadaLab) tokens(t *testing.T, cluster string) [2]string {
	t.Helper()
	return [2]string{l.hubToken(t, cluster), l.hubToken(t, cluster+"-impersonator")}
}

// refuses is nil if a cluster does not take who has a token, in base64.
func (l *karmadaLab) refuses(t *testing.T, cluster, encoded string) error {
	t.Helper()
	token, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(l.fleet.RESTConfig(t, cluster))
	config.BearerToken = string(token)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	switch _, err := client.CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{}); {
	case apierrors.IsUnauthorized(err):
		return nil
	case err != nil && !apierrors.IsForbidden(err):
		return err
	}
	return errors.New("the token is accepted")
}

func (l *karmadaLab) testRotateDry(t *testing.T) {
	one := l.members[0]
	tokens, names := l.tokens(t, one), l.tokenNames(t, one)
	for _, mode := range []string{"client", "server"} {
		plan := l.run(t, "join", one, l.to(), "--rotate", "--dry-run", mode).want(t, 0)
		if strings.Count(plan.stdout, "(dry run)") != 8 {
			t.Errorf("--dry-run=%s:\n%s", mode, plan.stdout)
		}
	}
	objects := l.run(t, "join", one, l.to(), "--rotate", "--dry-run=server", "-o", "yaml").want(t, 0)
	if strings.Contains(objects.stdout, "token:") || strings.Count(objects.stdout, "\n- apiVersion: ") != 5 {
		t.Errorf("a token, or what is deleted, is among what is there then:\n%s", objects.stdout)
	}
	if tokens != l.tokens(t, one) || !slices.Equal(names, l.tokenNames(t, one)) {
		t.Error("a dry run replaced a token")
	}
}

// The old token lives until Karmada's controllers are restarted, and so they miss
// nothing: also a type that they have never propagated to the cluster.
func (l *karmadaLab) testRotateKeepOld(t *testing.T) {
	one := l.members[0]
	old := l.tokens(t, one)
	for _, says := range []string{"the old tokens are still good", ""} { // the second time there is nothing left to do
		begun := l.run(t, "join", one, l.to(), "--rotate", "--keep-old", "--yes").want(t, 0)
		if now := l.tokens(t, one); now[0] == old[0] || now[1] != old[1] || len(l.tokenNames(t, one)) != 2 {
			t.Errorf("the own token is new: %t, that of the impersonator is not: %t\n%s", now[0] != old[0], now[1] == old[1], begun.stdout)
		}
		if l.refuses(t, one, old[0]) == nil || !strings.Contains(begun.stderr, says) {
			t.Errorf("the old token is refused, or it is not said that it is not:\n%s", begun.stderr)
		}
	}
	given := l.hubToken(t, one)
	l.restartController(t)
	l.run(t, "join", one, l.to(), "--rotate", "--yes").want(t, 0)
	if now := l.hubToken(t, one); now != given || l.refuses(t, one, given) == nil {
		t.Error("what was begun is not finished, but another token made")
	}
	for i, token := range old {
		if err := l.refuses(t, one, token); err != nil {
			t.Errorf("old token %d: %v", i, err)
		}
	}
	l.propagates(t, one, one, "rotated")
}

// The old tokens are refused, the hub's new ones are accepted, and it works with
// them; again it makes other ones; and a join finds nothing to do.
func (l *karmadaLab) testRotated(t *testing.T) {
	one, two := l.members[0], l.members[1]
	seen := map[string][][2]string{}
	names := map[string][]string{}
	for range 2 {
		for _, cluster := range []string{one, two} {
			seen[cluster] = append(seen[cluster], l.tokens(t, cluster))
			names[cluster] = append(names[cluster], l.tokenNames(t, cluster)...)
		}
		rotated := l.run(t, "join", one, two, l.to(), "--rotate", "--yes").want(t, 0)
		if !strings.Contains(rotated.stderr, "restart Karmada's controllers") {
			t.Errorf("it does not say what keeps the old token: %s", rotated.stderr)
		}
		for _, cluster := range []string{one, two} {
			for i, token := range l.tokens(t, cluster) {
				for _, old := range seen[cluster] {
					if token == old[i] {
						t.Errorf("%s: the hub has an old token", cluster)
					}
					if err := l.refuses(t, cluster, old[i]); err != nil {
						t.Errorf("%s: old token %d: %v", cluster, i, err)
					}
				}
				if l.refuses(t, cluster, token) == nil {
					t.Errorf("%s: the new token %d is refused", cluster, i)
				}
			}
			// A Secret that comes back under its name has, where tokens are signed with
			// RSA, its old token again.
			if now := l.tokenNames(t, cluster); len(now) != 1 || slices.Contains(names[cluster], now[0]) {
				t.Errorf("%s: Secrets %q, and there were %q", cluster, now, names[cluster])
			}
		}
	}
	status := l.onHub(t, "get", "clusters", "-o", `jsonpath={range .items[*]}{.status.kubernetesVersion} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`).want(t, 0)
	for line := range strings.Lines(status.stdout) {
		if !strings.HasPrefix(line, "v1.") || !strings.HasSuffix(line, " True\n") {
			t.Errorf("status on the hub: %q", line)
		}
	}
	eventually(t, "users of the hub reach the member through it", func() error {
		if r := l.onHub(t, "get", "--raw", "/apis/cluster.karmada.io/v1alpha1/clusters/"+one+"/proxy/api/v1/namespaces/kube-system"); r.code != 0 {
			return errors.New(r.stderr)
		}
		return nil
	})
	if again := l.run(t, "join", one, two, l.to(), "--yes", "--labels", "env=test").want(t, 0); strings.Contains(again.stdout, "create") || strings.Contains(again.stdout, "update") {
		t.Errorf("joining again changes something:\n%s", again.stdout)
	}
}

// What another hub has, too, is kept.
func (l *karmadaLab) testRotateShared(t *testing.T) {
	one := l.members[0]
	before := l.tokens(t, one)
	l.kubectl(t, "--context", one, "create", "sa", "karmada-elsewhere", "-n", "karmada-cluster").want(t, 0)
	rotated := l.run(t, "join", one, l.to(), "--rotate", "--yes").want(t, 0)
	l.kubectl(t, "--context", one, "delete", "sa", "karmada-elsewhere", "-n", "karmada-cluster").want(t, 0)
	after := l.tokens(t, one)
	if before[0] == after[0] || before[1] != after[1] || !strings.Contains(rotated.stdout, "karmada-elsewhere is there, too") {
		t.Errorf("the own token is new: %t, the shared one is kept: %t\n%s", before[0] != after[0], before[1] == after[1], rotated.stdout)
	}
	before = after
	l.run(t, "join", one, l.to(), "--rotate", "--no-impersonator", "--yes").want(t, 0)
	if after := l.tokens(t, one); before[0] == after[0] || before[1] != after[1] {
		t.Error("--no-impersonator does not keep the shared token, or keeps the own")
	}
}

// Ready on the hub is what it was: that proves nothing. The old token lives until
// there is proof, and the same command again ends what is left.
func (l *karmadaLab) testRotateUnproven(t *testing.T) {
	one := l.members[0]
	old := l.hubToken(t, one)
	l.pauseController(t, func() {
		rotated := l.run(t, "join", one, l.to(), "--rotate", "--timeout", "5s", "--yes").want(t, 4)
		if !strings.Contains(rotated.stderr, "has not reported with it within 5s") || !strings.Contains(rotated.stderr, "the old token is still good") {
			t.Errorf("%s", rotated.stderr)
		}
		if names := l.tokenNames(t, one); len(names) != 2 || l.refuses(t, one, old) == nil {
			t.Errorf("the old token is dead before the hub worked with the new one: %q", names)
		}
	})
	given := l.hubToken(t, one)
	if join := l.run(t, "join", one, l.to(), "--yes", "--labels", "env=test").want(t, 0); l.hubToken(t, one) != given {
		t.Errorf("a join in between takes another token than the hub has:\n%s", join.stdout)
	}
	l.run(t, "join", one, l.to(), "--rotate", "--yes").want(t, 0)
	if names := l.tokenNames(t, one); len(names) != 1 || l.hubToken(t, one) != given {
		t.Errorf("what was begun is not finished: Secrets %q", names)
	}
	if err := l.refuses(t, one, old); err != nil {
		t.Error(err)
	}
}

// controller is the process of Karmada's controllers, and the file that records it.
func (l *karmadaLab) controller(t *testing.T) (unit process.Unit, file string) {
	t.Helper()
	file = filepath.Join(l.folder, "run", "karmada-controller-manager.json")
	unit, err := process.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return unit, file
}

// pauseController has Karmada's controllers stand still for a while.
func (l *karmadaLab) pauseController(t *testing.T, while func()) {
	t.Helper()
	unit, _ := l.controller(t)
	if err := unit.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unit.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	while()
}

func (l *karmadaLab) restartController(t *testing.T) {
	t.Helper()
	unit, file := l.controller(t)
	if err := unit.Stop(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	if _, err := process.Start(file, unit.Spec); err != nil {
		t.Fatal(err)
	}
}

// The tokens of a cluster that karmadactl joined are replaced, too, and it takes
// away what we made then, as we do.
func (l *karmadaLab) testRotateKarmadactls(t *testing.T) {
	one, two := l.members[0], l.members[1]
	l.karmadactl(t, "unjoin", one).want(t, 0)
	eventually(t, "karmadactl unjoins c1", func() error { return nothing(l.traces(t, one)) })
	l.karmadactl(t, "join", one).want(t, 0)
	old := l.tokens(t, one)
	l.run(t, "join", one, l.to(), "--rotate", "--yes").want(t, 0)
	for i, token := range old {
		if err := l.refuses(t, one, token); err != nil {
			t.Errorf("token %d: %v", i, err)
		}
	}
	for _, cluster := range []string{one, two} {
		l.run(t, "unjoin", cluster, l.from(), "--yes").want(t, 0)
		eventually(t, "what has a token is gone from "+cluster, func() error {
			for _, trace := range l.traces(t, cluster) {
				if strings.Contains(trace, "Secret") || strings.Contains(trace, "karmada-"+cluster) && !strings.Contains(trace, "Namespace") {
					return fmt.Errorf("left: %s", trace)
				}
			}
			return nil
		})
	}
	if err := nothing(l.clusters(t, one, two)); err != nil {
		t.Errorf("%s: %v", l.hub, err)
	}
}
