package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// What a webhook denies is said with the object, the cluster and the webhook. Denied at
// the dry run, nothing is written anywhere; denied only when it is written, the run stops
// at that cluster's wave, and the same command completes it when the webhook allows it.
func TestPropagateDeniedByAWebhook(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-hook")
	first, last := a.clusters[0], a.clusters[1]
	both := with(oneMap+extraMap, "COLOR", "red")
	hook := webhook{name: a.name, types: "configmaps", operations: "CREATE,UPDATE"}
	denies := func(when func(*admissionv1.AdmissionRequest) bool) func(context.Context, *admissionv1.AdmissionRequest) string {
		return func(_ context.Context, r *admissionv1.AdmissionRequest) string {
			if r.Namespace == a.name && r.Name == "settings" && when(r) {
				return "no red on a " + string(r.Operation)
			}
			return ""
		}
	}
	denial := fmt.Sprintf(`ConfigMap %s/settings: admission webhook "%s.example.com" denied the request: no red on a CREATE`, a.name, a.name)

	gone := a.webhook(t, last, hook, denies(func(*admissionv1.AdmissionRequest) bool { return true }))
	eventually(t, "the webhook", func() error { // the API server learns of it by a watch
		if r := a.propagate(t, both, "--dry-run=server"); r.code != 5 {
			return fmt.Errorf("exit code %d", r.code)
		}
		return nil
	})
	a.refusedHere(t, a.propagate(t, both), "error: "+last+": Refused: ", "app.yaml:1: "+denial)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if maps := a.configMaps(t, cluster); len(maps) > 0 {
			t.Errorf("%s: refused, and there are %v", cluster, maps)
		}
	})
	gone()
	eventually(t, "the webhook is gone", func() error {
		if r := a.propagate(t, both, "--dry-run=server"); r.code != 0 {
			return fmt.Errorf("exit code %d", r.code)
		}
		return nil
	})

	asked := make(chan struct{}, 1)
	gone = a.webhook(t, last, hook, denies(func(r *admissionv1.AdmissionRequest) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return !*r.DryRun
	}))
	eventually(t, "the webhook", func() error {
		a.propagate(t, both, "--dry-run=server").want(t, 0)
		select {
		case <-asked:
			return nil
		default:
			return fmt.Errorf("it was not asked")
		}
	})
	r := a.propagate(t, both, "--waves", last+",100%", "-o", "json").want(t, 6)
	r.says(t, "error: "+last+": ", denial, "the same command again goes on where this stopped", "rollback "+a.name)
	found := outcomes(t, r)
	if found[last].Phase != v1alpha1.PropagationFailed || found[first].Phase != v1alpha1.PropagationPending {
		t.Errorf("%s: %s, %s: %s", last, found[last].Phase, first, found[first].Phase)
	}
	if maps := a.configMaps(t, first); len(maps) > 0 {
		t.Errorf("%s had a turn: %v", first, maps)
	}
	statuses := decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items
	if i := slices.IndexFunc(statuses, func(s v1alpha1.SetStatus) bool { return s.Annotations[v1alpha1.ClusterAnnotation] == last }); i < 0 || statuses[i].Phase != v1alpha1.PropagationFailed {
		t.Errorf("status does not say that it stopped in %s: %+v", last, statuses)
	}
	gone()
	eventually(t, "the same command completes it", func() error {
		if r := a.propagate(t, both, "--waves", last+",100%"); r.code != 0 {
			return fmt.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		return nil
	})
	a.isDone(t, both)
}
