package fleet_test

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// What a finalizer holds is waited for so long and no longer, and named; when it is
// let go the same command completes.
func TestPropagateWithdrawHeld(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-held")
	a.propagate(t, with(oneMap, "COLOR", "red")).want(t, 0)
	last := a.clusters[1]
	hold := func(patch string) {
		t.Helper()
		_, err := a.client(t, last).CoreV1().ConfigMaps(a.name).Patch(t.Context(), "settings", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	hold(`{"metadata":{"finalizers":["example.com/held"]}}`)
	t.Cleanup(func() { // a namespace with it would never end
		a.kubectl(t, "--context", last, "patch", "cm", "settings", "-n", a.name, "--type=merge", `-p={"metadata":{"finalizers":null}}`)
	})
	r := a.do(t, "withdraw", "--timeout", "1s").want(t, 4)
	r.says(t, "error: "+last+": Timeout: deleted, and not gone within 1s: ConfigMap "+a.name+"/settings, held by the finalizer example.com/held", "the same command again goes on")
	hold(`{"metadata":{"finalizers":null}}`)
	a.do(t, "withdraw").want(t, 0)
	a.do(t, "status").want(t, 1)
}

// What was there before the set is let go, and not made anew where somebody deleted
// it after the plan.
func TestPropagateReleasesWhatIsGone(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-release")
	first, last := a.clusters[0], a.clusters[1]
	a.kubectlIn(t, last, extraMap, "apply")
	a.propagate(t, with(oneMap+extraMap, "COLOR", "red")).want(t, 0)
	deletes := `test "$KUBECTL_FLEET_CLUSTERS" != ` + first + " || " + a.fleet.Binary(t, "kubectl") + " --context " + last + " delete cm extra -n " + a.name // before the other's turn
	a.propagate(t, with(oneMap, "COLOR", "red"), "--prune", "--waves", first+",100%", "--gate", deletes).want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if left := a.configMaps(t, cluster); len(left) != 1 {
			t.Errorf("%s: %v", cluster, left)
		}
	})
}
