// Package scale proves, on real clusters, that the commands by which nodes leave can
// be killed at any write and resumed to the same end, and that the watcher of
// promises finds builds that break them. It takes minutes: it is run by `make
// proof`, and its results are kept in docs/proof.
package scale

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

func TestMain(m *testing.M) { killer.Main(m, fleetscale.NewCmdFleetscale) }

const cluster = "c1"

// life is one run, from its first write to its end, with a killer between the
// plugin and the cluster.
type life struct {
	*estate.Estate
	killer.Killer

	env []string
}

// newLife makes four nodes, and a workload whose budget allows one pod at a time.
func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{Estate: estate.New(t, cluster, 4)}
	l.Workload(t, "web", 5, estate.AtLeast(4), estate.Slow(200*time.Millisecond))
	dir := t.TempDir()
	kubeconfig := meddle.Kubeconfig(t, map[string]*clientcmdapi.Cluster{cluster: l.Before(t, l.Fleet.RESTConfig(t, cluster))})
	l.env = []string{"HOME=" + dir, "KUBECONFIG=" + kubeconfig, "KUBECACHEDIR=" + filepath.Join(dir, "cache")}
	return l
}

// down is a run by which the first two nodes leave.
func (l *life) down() []string {
	return []string{
		"down", "-C", cluster, "--nodes", l.Node(0) + "," + l.Node(1), "--settle", "200ms", "--reserve=false", "--state-namespace", l.Name,
		"--remove-with", "node", "--i-stopped-the-kubelet", "--node-gone-for", "200ms", "--yes",
	}
}

// writes are more than a run does.
const writes = 100

// TestKilledAtEveryWrite kills a run before and after each of its writes. What
// resume leaves is what a run leaves that nobody has killed, and every promise is
// kept on the way.
func TestKilledAtEveryWrite(t *testing.T) {
	reached := true
	lives := 0
	for at := 1; reached && at < writes; at++ {
		for _, after := range []bool{false, true} {
			t.Run(map[bool]string{false: "before", true: "after"}[after]+"-"+string(rune('a'+at%26))+strings.Repeat("i", at/26), func(t *testing.T) {
				l := newLife(t)
				w := l.Watch(t, map[string]int{"web": 4})
				code, out, hit := l.Run(t, at, after, l.env, l.down()...)
				reached = hit
				if !hit && code != 0 {
					t.Fatalf("not killed: exit code %d\n%s", code, out)
				}
				if hit {
					lives++
					l.goOn(t)
				}
				w.Kept(t)
				l.left(t)
			})
		}
	}
	t.Logf("%d lives, each killed once", lives)
}

// goOn does what a person would after a crash: resume, and where nothing was begun
// yet, the same command again.
func (l *life) goOn(t *testing.T) {
	t.Helper()
	code, out, _ := l.Run(t, 0, false, l.env, "resume", "-C", cluster, "--state-namespace", l.Name)
	if code != 0 {
		t.Fatalf("resume: exit code %d\n%s", code, out)
	}
	if strings.Contains(out, "nothing to go on with") && len(l.Nodes(t)) == 4 {
		if code, out, _ = l.Run(t, 0, false, l.env, l.down()...); code != 0 {
			t.Fatalf("again: exit code %d\n%s", code, out)
		}
	}
}

// left fails the test unless exactly the two nodes have gone, the others have no
// marks, all pods are Ready, and no lock is left.
func (l *life) left(t *testing.T) {
	t.Helper()
	l.Untouched(t, 2)
	for _, gone := range []string{l.Node(0), l.Node(1)} {
		if _, there := l.Nodes(t)[gone]; there {
			t.Errorf("node %s is there", gone)
		}
	}
	d, err := l.Client.AppsV1().Deployments(l.Name).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || d.Status.ReadyReplicas != 5 {
		t.Errorf("%v; %d of 5 are Ready", err, d.Status.ReadyReplicas)
	}
	leases, err := l.Client.CoordinationV1().Leases(l.Name).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(leases.Items) > 0 {
		t.Errorf("%v; %d locks are left", err, len(leases.Items))
	}
}
