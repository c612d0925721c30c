// Package life leads runs by which nodes leave that are killed once, and brings them
// to their end, for tests that want the end to be that of a run which nobody killed.
package life

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

// World is four nodes, the first two of which leave.
type World struct {
	*estate.Estate

	Nodes []string
	// Flags of down say how they go.
	Flags []string
	// Left fails the test unless what only this way changes is as it should be when
	// they have gone; nil: there is nothing.
	Left func(t *testing.T)
}

// ByNode is a world whose nodes go by their Node objects.
func ByNode(t *testing.T) World {
	t.Helper()
	return OfNodes(estate.New(t, "c1", 4), "--remove-with", "node", "--i-stopped-the-kubelet", "--node-gone-for", "200ms")
}

// OfNodes is a world of an estate's own nodes.
func OfNodes(e *estate.Estate, flags ...string) World {
	w := World{Estate: e, Flags: flags}
	for i := range 4 {
		w.Nodes = append(w.Nodes, e.Node(i))
	}
	return w
}

// Life is one run, from its first write to its end, with a killer between the plugin
// and the cluster.
type life struct {
	World
	killer.Killer

	env []string
}

// Lead leads one life. The run is killed at one of its writes: before the server hears
// of it, or after it has done it and before the plugin hears; at 0 only by what the
// world itself does. Then it is resumed to its end, which must be that of any other,
// and no promise may be broken on the way. It returns how often the run wrote.
func Lead(t *testing.T, world World, at int, after bool) (writes int, killed bool) {
	t.Helper()
	l := &life{World: world}
	l.Workload(t, "web", 5, estate.AtLeast(4), estate.Slow(200*time.Millisecond))
	dir := t.TempDir()
	kubeconfig := meddle.Kubeconfig(t, map[string]*clientcmdapi.Cluster{l.Cluster: l.Before(t, l.Fleet.RESTConfig(t, l.Cluster))})
	l.env = []string{"HOME=" + dir, "KUBECONFIG=" + kubeconfig, "KUBECACHEDIR=" + filepath.Join(dir, "cache")}
	w := l.Watch(t, map[string]int{"web": 4})
	code, out, _ := l.Run(t, at, after, l.env, l.down()...)
	writes, killed = l.Writes(), code < 0
	switch {
	case killed, code == unfinished:
		l.goOn(t)
	case code != 0:
		t.Fatalf("not killed: exit code %d\n%s", code, out)
	}
	w.Kept(t)
	l.left(t)
	return writes, killed
}

// down is a run by which the first two nodes leave.
func (l *life) down() []string {
	return append([]string{
		"down", "-C", l.Cluster, "--nodes", l.Nodes[0] + "," + l.Nodes[1], "--settle", "200ms", "--reserve=false", "--state-namespace", l.Name, "--yes",
	}, l.Flags...)
}

// unfinished is the exit code of a run that lost its lock, on a machine that is too
// busy to renew it.
const unfinished, patience = 6, 5

// goOn does what a person would after a crash: resume, as long as it says that resume
// goes on, and where nothing was begun yet, the same command again.
func (l *life) goOn(t *testing.T) {
	t.Helper()
	var code int
	var out string
	for try := 0; try == 0 || code == unfinished && try < patience; try++ {
		code, out, _ = l.Run(t, 0, false, l.env, "resume", "-C", l.Cluster, "--state-namespace", l.Name)
	}
	if code != 0 {
		t.Fatalf("resume: exit code %d\n%s", code, out)
	}
	if strings.Contains(out, "nothing to go on with") && len(l.Estate.Nodes(t)) == 4 {
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
	for _, gone := range l.Nodes[:2] {
		if _, there := l.Estate.Nodes(t)[gone]; there {
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
	if l.Left != nil {
		l.Left(t)
	}
}
