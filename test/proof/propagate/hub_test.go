package propagate

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// TestKilledAtAnyWriteByHub is TestKilledAtAnyWrite by a real Karmada, in waves:
// the same on the hub, and the same in its clusters.
func TestKilledAtAnyWriteByHub(t *testing.T) {
	fleet := testfleet.With(t, karmada.Addon{})
	join(t, fleet)
	killAll(t, workers-3, func(t *testing.T, name string) *life { // Karmada has work to do, too
		t.Helper()
		return newLife(t, fleet, karmada.Hub, name)
	})
}

// join joins the clusters to the hub until the test ends.
func join(t *testing.T, fleet *testfleet.Fleet) {
	t.Helper()
	var undisturbed killer.Killer
	files := fleet.Kubeconfig() + string(os.PathListSeparator) + fleet.Hub(t, karmada.Hub)
	run := func(args ...string) {
		home := t.TempDir()
		if code, out, _ := undisturbed.Run(t, 0, false, []string{"HOME=" + home, "KUBECACHEDIR=" + home, "KUBECONFIG=" + files}, append(args, "--yes")...); code != 0 {
			t.Fatalf("%s: %d %s", args[0], code, out)
		}
	}
	run(append([]string{"join", "--to=karmada=" + karmada.Hub, "--wait"}, clusters...)...)
	t.Cleanup(func() { run(append([]string{"unjoin", "--from=karmada=" + karmada.Hub, "--force"}, clusters...)...) })
}

// settling is how long a hub may take for what no gate waits for: the labels of
// namespaces.
const settling = 30 * time.Second

// brought is what the hub's clusters have, and how the hub means to bring it there;
// empty without a hub.
func (l *life) brought(t *testing.T) string {
	t.Helper()
	if l.by == "" {
		return ""
	}
	return l.state(t, clusters) + l.works(t)
}

// unlike is how what the clusters have differs from what they should have, when it
// had the time to become so.
func (l *life) unlike(t *testing.T, want string) (diff string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Second) {
		diff = cmp.Diff(want, l.brought(t))
		if diff == "" || time.Since(began) > settling {
			return diff
		}
	}
}

// settled is what has been brought when nothing comes any more.
func (l *life) settled(t *testing.T) string {
	t.Helper()
	if l.by == "" {
		return ""
	}
	was := ""
	for same := 0; same < 5; same++ {
		is := l.brought(t)
		if is != was {
			was, same = is, 0
		}
		time.Sleep(time.Second)
	}
	return was
}

// works are those of the life's objects.
func (l *life) works(t *testing.T) string {
	t.Helper()
	hub, err := dynamic.NewForConfig(l.fleet.RESTConfig(t, l.by))
	if err != nil {
		t.Fatal(err)
	}
	list, err := hub.Resource(schema.GroupVersionResource{Group: "work.karmada.io", Version: "v1alpha1", Resource: "works"}).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i := range list.Items {
		manifests, _, _ := unstructured.NestedSlice(list.Items[i].Object, "spec", "workload", "manifests")
		suspended, _, _ := unstructured.NestedBool(list.Items[i].Object, "spec", "suspendDispatching")
		for _, one := range manifests {
			fields, _ := one.(map[string]any)
			o := unstructured.Unstructured{Object: fields}
			if of := o.GetNamespace() + "/" + o.GetName(); strings.Contains(of, l.name) {
				lines = append(lines, fmt.Sprintf("%s: %s %s, suspended %v\n", list.Items[i].GetNamespace(), o.GetKind(), of, suspended))
			}
		}
	}
	slices.Sort(lines)
	return strings.ReplaceAll(strings.Join(lines, ""), l.name, "NAME")
}
