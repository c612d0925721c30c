// Package simulate compares what the simulation says with what real schedulers do:
// on random nodes with random workloads, nodes are emptied, and their pods, made
// anew by their controllers, go where kube-scheduler puts them. A pod that was said
// to have a place and has none fails the test. It takes minutes: it is run by `make
// proof`, and its results are kept in docs/proof.
package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/simulate"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { testfleet.Main(m) }

const (
	// rounds is how many random sets of nodes there are in each cluster.
	rounds = 30
	// atOnce is how many of them are looked at side by side.
	atOnce = 5
	// patience is how long is waited for a place that a pod was said to have, and
	// impatience for one that it was said not to have.
	patience, impatience = 30 * time.Second, 5 * time.Second
)

// tally is what all rounds in one cluster come to.
type tally struct {
	sync.Mutex

	verdicts    map[simulate.Verdict]int
	pods, there int // that moved, and that went where it was said
	falseFits   int
	refused     int // nodes that were said to be tight or without places, and were emptied
	placed      int // of those, whose pods all found places
}

func TestOracle(t *testing.T) {
	fleet := testfleet.Shared(t)
	for _, cluster := range []string{"c1", "c2"} {
		t.Run(cluster, func(t *testing.T) {
			sum := &tally{verdicts: map[simulate.Verdict]int{}}
			t.Cleanup(func() {
				t.Logf("%s: %d nodes fit, %d tight, %d without places; %d pods moved, %d (%.0f %%) to the node that was foretold, %d that were said to fit had no place; of %d nodes refused, %d would have gone",
					cluster, sum.verdicts[simulate.Fits], sum.verdicts[simulate.Tight], sum.verdicts[simulate.NoPlace],
					sum.pods, sum.there, 100*float64(sum.there)/float64(max(sum.pods, 1)), sum.falseFits, sum.refused, sum.placed)
			})
			limit := make(chan struct{}, atOnce)
			for seed := range uint64(rounds) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					t.Parallel()
					limit <- struct{}{}
					defer func() { <-limit }()
					random := rand.New(rand.NewPCG(seed, 0))
					w := newWorld(t, fleet, cluster, random)
					w.workloads(t, random)
					w.fits(t, random, sum)
					w.refused(t, random, sum)
				})
			}
		})
	}
}

// fits empties some nodes that are said to be free to go, all at once.
func (w *world) fits(t *testing.T, random *rand.Rand, sum *tally) {
	t.Helper()
	names := w.names()
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	c, leaving := w.cluster(t), []simulate.Leaving(nil)
	for _, name := range names[:1+random.IntN(len(names)/2)] {
		leaving = append(leaving, leave(c, name))
	}
	placement := place(t, c, leaving)
	want := map[string]map[string]int{} // pods by owner and node
	moved := 0
	var empty []simulate.Leaving
	for i, m := range placement.Moves {
		sum.Lock()
		sum.verdicts[m.Verdict]++
		sum.Unlock()
		if m.Verdict != simulate.Fits {
			continue
		}
		empty = append(empty, leaving[i])
		for _, p := range leaving[i].Pods {
			add(want, p, m.To[p.UID])
			moved++
		}
	}
	// What was placed counts on all nodes that leave being closed; the ones that stay
	// after all are opened once it is seen.
	w.cordon(t, leaving, true)
	got, pending := w.evict(t, empty, patience)
	for _, p := range pending {
		t.Errorf("%s was said to fit, and has no place: %s", p.Name, why(p))
	}
	there := 0
	for owner, nodes := range want {
		for node, n := range nodes {
			there += min(n, got[owner][node])
		}
	}
	w.cordon(t, leaving, false)
	sum.Lock()
	defer sum.Unlock()
	sum.pods += moved
	sum.there += there
	sum.falseFits += len(pending)
}

// refused empties a node that is said to be tight or to have no places for its
// pods, to see how often that is too careful. It is no error.
func (w *world) refused(t *testing.T, random *rand.Rand, sum *tally) {
	t.Helper()
	names := w.names()
	for _, i := range random.Perm(len(names)) {
		c := w.cluster(t)
		leaving := []simulate.Leaving{leave(c, names[i])}
		if place(t, c, leaving).Moves[0].Verdict == simulate.Fits {
			continue
		}
		w.cordon(t, leaving, true)
		_, pending := w.evict(t, leaving, impatience)
		sum.Lock()
		sum.refused++
		if len(pending) == 0 {
			sum.placed++
		}
		sum.Unlock()
		return
	}
}

func place(t *testing.T, c simulate.Cluster, leaving []simulate.Leaving) *simulate.Placement {
	t.Helper()
	engine, err := simulate.New(t.Context(), c, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	placement, err := engine.Place(t.Context(), leaving)
	if err != nil {
		t.Fatal(err)
	}
	return placement
}

// leave is a node with all its pods.
func leave(c simulate.Cluster, name string) simulate.Leaving {
	l := simulate.Leaving{Node: name}
	for _, p := range c.Pods {
		if p.Spec.NodeName == name {
			l.Pods = append(l.Pods, p)
		}
	}
	return l
}

func add(to map[string]map[string]int, p *corev1.Pod, node string) {
	owner := metav1.GetControllerOfNoCopy(p).Name
	if to[owner] == nil {
		to[owner] = map[string]int{}
	}
	to[owner][node]++
}

func why(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c.Message
		}
	}
	return "nobody has tried"
}

// evict deletes pods, and says where those are that come in their place: by owner
// and node, and which have no place.
func (w *world) evict(t *testing.T, leaving []simulate.Leaving, wait time.Duration) (placed map[string]map[string]int, pending []*corev1.Pod) {
	t.Helper()
	ctx := t.Context()
	before := map[string]bool{}
	for _, p := range w.pods(t) {
		before[string(p.UID)] = true
	}
	count := len(before)
	for _, l := range leaving {
		for _, p := range l.Pods {
			before[string(p.UID)] = true
			if err := w.client.CoreV1().Pods(w.name).Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for end := time.Now().Add(wait); ; time.Sleep(200 * time.Millisecond) {
		placed, pending = map[string]map[string]int{}, nil
		pods := w.pods(t)
		for _, p := range pods {
			switch {
			case p.Spec.NodeName == "":
				pending = append(pending, p)
			case !before[string(p.UID)]:
				add(placed, p, p.Spec.NodeName)
			}
		}
		if len(pods) == count && len(pending) == 0 || time.Now().After(end) {
			return placed, pending
		}
	}
}

func (w *world) pods(t *testing.T) []*corev1.Pod {
	t.Helper()
	list, err := w.client.CoreV1().Pods(w.name).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pointers(list.Items)
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// background is a context for what is done after a test.
func background(t *testing.T) context.Context {
	t.Helper()
	return context.WithoutCancel(t.Context())
}
