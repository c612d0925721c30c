package fleetscale_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
)

// What does not come in time leaves the node where it is: a budget that says no, a
// pod that does not end, a volume that is not detached.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what  string
		block func(t *testing.T, e *estate) (node string)
		says  string
	}{
		{"a budget says no", func(t *testing.T, e *estate) string {
			t.Helper()
			e.Workload(t, "web", 3, estates.AtLeast(2))
			e.Stall(t, "web")
			return e.Busy(t, "web")
		}, "budget "},
		{"a pod does not end", func(t *testing.T, e *estate) string {
			t.Helper()
			e.Workload(t, "web", 3, nil, func(p *corev1.PodTemplateSpec) { p.Finalizers = []string{stuck} })
			t.Cleanup(func() { e.unstick(t) })
			return e.Busy(t, "web")
		}, " is ending"},
		{"a volume stays attached", func(t *testing.T, e *estate) string {
			t.Helper()
			e.Workload(t, "web", 3, nil)
			volumes := e.Client.StorageV1().VolumeAttachments()
			attachment := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: e.Name}, Spec: storagev1.VolumeAttachmentSpec{
				Attacher: "csi.example", NodeName: e.Node(0), Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: new("data")},
			}}
			if _, err := volumes.Create(t.Context(), attachment, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = volumes.Delete(context.WithoutCancel(t.Context()), e.Name, metav1.DeleteOptions{}) })
			return e.Node(0)
		}, "volume data is attached to "},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, "c1", 4)
			node := test.block(t, e)
			e.run(t, append(e.leave(node), "--timeout", "3s")...).want(t, 4).says(t, test.says)
			e.Untouched(t, 4)
			e.run(t, "status", "-C", "c1", "--state-namespace", e.Name).want(t, 0).says(t, test.says)
		})
	}
}

// stuck keeps pods from ending.
const stuck = "test.kubectl-fleet.io/stuck"

// unstick lets all pods end.
func (e *estate) unstick(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	_ = e.Client.AppsV1().Deployments(e.Name).Delete(ctx, "web", metav1.DeleteOptions{})
	estates.Eventually(t, "pods that end", func() error {
		pods, err := e.Client.CoreV1().Pods(e.Name).List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) == 0 {
			return err
		}
		for i := range pods.Items {
			_, _ = e.Client.CoreV1().Pods(e.Name).Patch(ctx, pods.Items[i].Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		}
		return fmt.Errorf("%d are there", len(pods.Items))
	})
}

// Somebody takes a cordon away, or the run's taint: it is made once more. Twice is a will.
func TestForeignUncordon(t *testing.T) {
	t.Parallel()
	const uncordon = `{"spec":{"unschedulable":false}}`
	for what, test := range map[string]struct {
		patch             string // with the estate's name for %q
		times, code, left int
		says              string
	}{
		"once":              {uncordon, 1, 0, 3, "is marked once more"},
		"twice":             {uncordon, 2, 1, 4, "they want it to stay"},
		"the taint is gone": {`{"spec":{"taints":[{"key":"only","value":%q,"effect":"NoSchedule"}]}}`, 1, 0, 3, "is marked once more"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, "c1", 4)
			e.Workload(t, "web", 4, estates.AtLeast(3))
			w := e.Watch(t, map[string]int{"web": 3})
			go e.uncordon(context.WithoutCancel(t.Context()), e.Node(0), strings.ReplaceAll(test.patch, "%q", strconv.Quote(e.Name)), test.times)
			e.run(t, e.leave(e.Node(0))...).want(t, test.code).says(t, test.says)
			w.Kept(t)
			e.Untouched(t, test.left)
		})
	}
}

// uncordon patches a node whenever somebody has cordoned it, some times.
func (e *estate) uncordon(ctx context.Context, node, patch string, times int) {
	nodes := e.Client.CoreV1().Nodes()
	for end := time.Now().Add(patience); times > 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		n, err := nodes.Get(ctx, node, metav1.GetOptions{})
		if err != nil || !n.Spec.Unschedulable {
			continue
		}
		if _, err := nodes.Patch(ctx, node, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err == nil {
			times--
		}
	}
}

// Who comes second is told who is at work, and changes nothing. A second Ctrl-C ends
// the first at once: the journal knows what it has left, and resume does it.
func TestSecondOperatorAndSecondCtrlC(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 4)
	e.Workload(t, "web", 4, estates.AtLeast(3))
	e.Stall(t, "web")
	node := e.Busy(t, "web")
	// From the first Ctrl-C on no mark can be taken back.
	hangs := &fault{answer: silent}
	pressed := false
	hangs.on = func(r *http.Request) bool { return pressed && isMark(r) }
	e.before(t, hangs)
	w := e.Watch(t, map[string]int{"web": 3})

	first := e.begin(t, "budget "+e.Name+"/web", e.leave(node)...)
	second := &estate{Estate: e.Estate, home: t.TempDir(), kubeconfig: e.Fleet.Kubeconfig()}
	second.run(t, second.leave(e.Node(3))...).want(t, 5).says(t, "is at work on it since")
	second.resume(t).want(t, 5).says(t, "is at work on it since")

	hangs.mu.Lock()
	pressed = true
	hangs.mu.Unlock()
	first.ctrlC(t)
	estates.Eventually(t, "the marks to be taken back", func() error {
		hangs.mu.Lock()
		defer hangs.mu.Unlock()
		if hangs.hits == 0 {
			return fmt.Errorf("nobody tries")
		}
		return nil
	})
	first.ctrlC(t)
	first.ends().want(t, 130)
	if !e.Nodes(t)[node] {
		t.Error("the mark was taken back: nothing was ended at once")
	}
	hangs.heal()
	e.Unstall(t, "web")
	second.resume(t).want(t, 0).says(t, "Removed")
	e.Untouched(t, 3)
	w.Kept(t)
}

// A node that is told to go, and does not, is past undoing: that is said, and resume
// waits for it again.
func TestRemovalIsStuck(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 3)
	finalizers := func(value string) {
		patch := []byte(`{"metadata":{"finalizers":` + value + `}}`)
		if _, err := e.Client.CoreV1().Nodes().Patch(context.WithoutCancel(t.Context()), e.Node(0), types.MergePatchType, patch, metav1.PatchOptions{}); err != nil && !isGone(err) {
			t.Error(err)
		}
	}
	finalizers(`["` + stuck + `"]`)
	t.Cleanup(func() { finalizers("null") })
	e.run(t, append(e.leave(e.Node(0)), "--timeout", "3s")...).want(t, 6).says(t, "the removal of "+e.Node(0)+" has begun", "is being deleted", "resume goes on")
	e.run(t, "abort", "-C", "c1", "--state-namespace", e.Name, "--yes").want(t, 6).says(t, "that cannot be undone")
	finalizers("null")
	e.resume(t).want(t, 0).says(t, "Removed")
	e.Untouched(t, 2)
}

// A kubelet that runs after all registers its node again: it is not gone.
func TestNodeComesBack(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 3)
	nodes := e.Client.CoreV1().Nodes()
	ctx := context.WithoutCancel(t.Context())
	go func() {
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if _, err := nodes.Get(ctx, e.Node(0), metav1.GetOptions{}); isGone(err) {
				again := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: e.Node(0), Labels: map[string]string{"type": "kwok", "kubectl-fleet.io/pool": e.Name}}}
				_, _ = nodes.Create(ctx, again, metav1.CreateOptions{})
				return
			}
		}
	}()
	e.run(t, append(e.leave(e.Node(0)), "--node-gone-for", "1m")...).want(t, 6).says(t, "has registered again: its kubelet still runs")
}

// Ctrl-C while an eviction is on its way: it is waited for. One that is given up may be
// taken from the budget without its pod, and nobody can use that for two minutes.
func TestInterruptDuringEviction(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 4)
	e.Workload(t, "web", 4, estates.AtLeast(3))
	asked, pressed, givenUp := make(chan struct{}), make(chan struct{}), make(chan bool, 1)
	e.before(t, &fault{on: isEviction, times: 1, answer: func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		body, err := io.ReadAll(r.Body) // only then it is noticed who hangs up
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		close(asked)
		<-pressed
		select {
		case <-r.Context().Done():
			givenUp <- true
		case <-time.After(2 * time.Second):
			givenUp <- false
		}
		server.ServeHTTP(w, r)
	}})
	down := e.begin(t, "wave 1/1", e.leave(e.Busy(t, "web"))...)
	<-asked
	down.ctrlC(t)
	close(pressed)
	down.ends().want(t, 130)
	if <-givenUp {
		t.Error("an eviction that was asked for was given up")
	}
	e.Untouched(t, 4)
}

// Ctrl-C where writes take long: the marks of all nodes are taken back in the time that
// there is for it.
func TestInterruptFarAway(t *testing.T) {
	t.Parallel()
	const leaving = 20
	e := newEstate(t, "c1", 3*leaving) // of which a third goes in one wave
	e.Workload(t, "web", 2, estates.AtLeast(1))
	e.Stall(t, "web")
	nodes := []string{e.Busy(t, "web")}
	for i := 0; len(nodes) < leaving; i++ {
		if name := e.Node(i); name != nodes[0] {
			nodes = append(nodes, name)
		}
	}
	isMark := func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/api/v1/nodes/")
	}
	e.before(t, &fault{on: isMark, answer: meddle.Slow(2 * time.Second)}) // one after the other: 40 s
	down := e.begin(t, "budget "+e.Name+"/web", append(e.leave(nodes...), "--parallel", strconv.Itoa(leaving))...)
	down.ctrlC(t)
	down.ends().want(t, 130)
	e.Untouched(t, 3*leaving)
}
