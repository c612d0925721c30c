package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// policyFor is a policy of the set, which keeps what it selects from these clusters.
func policyFor(t *testing.T, action direct.Action, name string, suspended ...string) *direct.Change {
	t.Helper()
	text := "{kind: PropagationPolicy, apiVersion: policy.karmada.io/v1alpha1, metadata: {name: " + name + ", namespace: a}, spec: {}}"
	if len(suspended) > 0 {
		text = strings.Replace(text, "spec: {}", "spec: {suspension: {dispatchingOnClusters: {clusterNames: ["+strings.Join(suspended, ", ")+"]}}}", 1)
	}
	return changeOf(t, action, text)
}

// The clusters of a wave have their turns after those before it, and the templates are
// kept from them, and from who was spared, until then.
func TestWavesOfAHub(t *testing.T) {
	t.Parallel()
	p := planOf(nil)
	p.known = map[string]string{"one": "c1", "two": "c2", "three": "c3", "four": "c4"}
	p.at.waves = p.onHub([][]string{{"one"}, {"two", "three"}, {"four"}})
	p.at.spared = []string{"c1", "c4"}
	for _, tc := range []struct{ cluster, later, held string }{
		{"one", "c2 c3 c4", "c2 c3 c4 c1"}, {"two", "c4", "c4 c1"}, {"three", "c4", "c4 c1"}, {"four", "", "c1 c4"},
	} {
		turn := p.Turn(tc.cluster)
		if later := strings.Join(turn.later(), " "); later != tc.later {
			t.Errorf("%s: later are %q, want %q", tc.cluster, later, tc.later)
		}
		if held := strings.Join(turn.heldFirst(), " "); held != tc.held {
			t.Errorf("%s: held are %q, want %q", tc.cluster, held, tc.held)
		}
	}
}

// What is the hub's is done once, by the first or the last of the turns.
func TestTurnsOfAHub(t *testing.T) {
	t.Parallel()
	p := planOf(nil)
	p.at.waves = [][]string{{"c1"}, {"c2"}}
	p.at.held = t.Context()
	if held, lock, err := p.Turn("c2").Lock(t.Context(), "me"); held != t.Context() || lock != nil || err != nil {
		t.Errorf("a second turn has a lock of its own: %v, %v", lock, err)
	}
	if err := p.Turn("c1").Finish(t.Context()); err != nil || !p.at.finished["c1"] { // else it would ask the hub, of which there is none
		t.Errorf("the first of two: %v, %v", err, p.at.finished)
	}
	p.at.prepared, p.at.applied = true, true
	if err := p.Turn("c2").Cancel(t.Context()); err != nil || !p.at.prepared {
		t.Errorf("what was begun is given up: %v", err)
	}
}

// A policy keeps what it selects from the clusters that are said, and from those that
// the user's own has named.
func TestSuspend(t *testing.T) {
	t.Parallel()
	plain, own := policyFor(t, direct.ActionUnchanged, "plain"), policyFor(t, direct.ActionUpdate, "own", "c3")
	dropped := policyFor(t, direct.ActionDelete, "dropped")
	turn := planOf(nil, plain, own, dropped).Turn("c1")
	for _, tc := range []struct{ clusters, plain, own string }{
		{"c1 c2", "c1 c2", "c3 c1 c2"}, {"c2", "c2", "c3 c2"}, {"c3", "c3", "c3"}, {"", "", "c3"},
	} {
		turn.suspend(strings.Fields(tc.clusters))
		for c, want := range map[*direct.Change]string{plain: tc.plain, own: tc.own, dropped: ""} {
			if is := strings.Join(suspendedBy(c.Object.Unstructured), " "); is != want {
				t.Errorf("%q are suspended: %s from %q, want %q", tc.clusters, c.Object.GetName(), is, want)
			}
		}
	}
	if _, is := plain.Object.Object["spec"].(map[string]any)["suspension"]; is {
		t.Error("a policy that suspends nobody says so")
	}
}

// Spared are the clusters that the hub keeps from the set, and that the policies as they
// are to be do not name.
func TestSuspendedNow(t *testing.T) {
	t.Parallel()
	kept, dropped := policyFor(t, direct.ActionUpdate, "kept", "c1", "c2"), policyFor(t, direct.ActionDelete, "dropped", "c2", "c3")
	if err := unstructured.SetNestedStringSlice(kept.Object.Object, []string{"c1"}, suspensionPath()...); err != nil {
		t.Fatal(err)
	}
	if spared := planOf(nil, kept, dropped, changeOf(t, direct.ActionUnchanged, deployment)).suspendedNow(); !slices.Equal(spared, []string{"c2", "c3"}) {
		t.Errorf("spared: %q", spared)
	}
}

// A Work is suspended when Karmada has said so.
func TestIsSuspended(t *testing.T) {
	t.Parallel()
	const dispatching = `, status: {conditions: [{type: Dispatching, status: "%s"}]}}`
	for text, want := range map[string]bool{
		"{spec: {suspendDispatching: true}" + fmt.Sprintf(dispatching, "False"):  true,
		"{spec: {suspendDispatching: true}" + fmt.Sprintf(dispatching, "True"):   false,
		"{spec: {suspendDispatching: true}}":                                     false,
		"{spec: {suspendDispatching: false}" + fmt.Sprintf(dispatching, "False"): false,
	} {
		if got := workOf(t, text).isSuspended(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// Waited for are the Works of what stays in the set, in the clusters that are suspended.
func TestUnlike(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.snapshot.works["b"]["c2"] = workOf(t, strings.Replace(delivering, "karmada-es-c1", "karmada-es-c2", 1))
	turn := s.gate.plan.Turn("c1")
	for _, tc := range []struct {
		suspended, unlike string
		action            direct.Action
		want              string
	}{
		{"c1 c2", "c2", direct.ActionUnchanged, "Deployment a/web in c2"},
		{"c1", "c2", direct.ActionUnchanged, ""},
		{"c1 c2", "c1 c2", direct.ActionDelete, ""},
	} {
		turn.at.suspended, s.template.Action = strings.Fields(tc.suspended), tc.action
		left, err := turn.unlike(t.Context(), func(w *work, _ *binding, _ *direct.Change) bool {
			return !slices.Contains(strings.Fields(tc.unlike), w.cluster())
		})
		if err != nil || strings.Join(left, " ") != tc.want {
			t.Errorf("%+v: %q, %v", tc, left, err)
		}
	}
	s.template.Action = direct.ActionUnchanged
	if !turn.carries(s.work, s.binding, s.template) {
		t.Error("a Work that has all does not carry it")
	}
	s.policy.Action = direct.ActionDelete
	if turn.carries(s.work, s.binding, s.template) {
		t.Error("a Work carries it whose binding is of another policy")
	}
}

// What goes with the last wave: templates, and what they are overridden by until then.
func TestDropsLate(t *testing.T) {
	t.Parallel()
	template := changeOf(t, direct.ActionDelete, deployment)
	p := planOf(nil)
	override := func(action direct.Action, of set.Ref) *direct.Change {
		return changeOf(t, action, "{kind: OverridePolicy, apiVersion: policy.karmada.io/v1alpha1, metadata: {name: "+p.overrideName(of)+", namespace: a}}")
	}
	its := set.RefOf(template.Object.Unstructured)
	kept := changeOf(t, direct.ActionUpdate, "{kind: ConfigMap, apiVersion: v1, metadata: {name: web, namespace: a}}")
	changes := []*direct.Change{
		template, override(direct.ActionDelete, its), override(direct.ActionUpdate, its), override(direct.ActionDelete, set.RefOf(kept.Object.Unstructured)),
		policyFor(t, direct.ActionDelete, "web"), kept,
	}
	p.Changes = changes
	for i, want := range []bool{true, true, false, false, false, false} {
		if got := p.Turn("c1").dropsLate(changes[i]); got != want {
			t.Errorf("%s %s %s: %v", changes[i].Action, changes[i].Object.GetKind(), changes[i].Object.GetName(), got)
		}
	}
}

// Karmada takes away what is given back, when it is nobody's for a while: what a policy
// of the set has still is not touched, and what another's has by now is not waited for.
func TestUnbind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, object, claimed string
		action                direct.Action
		waits                 bool
	}{
		{"the set's still", deployment, "p", direct.ActionRelease, true},
		{"another's by now", deployment, "q", direct.ActionRelease, false},
		{"deleted", deployment, "p", direct.ActionDelete, false},
		{"protected", "{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: web, namespace: a}}", "p", direct.ActionRelease, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // a request would go to a hub that is not there
				s := newScene(t)
				c := changeOf(t, tc.action, tc.object)
				ref := set.RefOf(c.Object.Unstructured)
				s.binding.Spec.Resource.APIVersion, s.binding.Spec.Resource.Kind = ref.GroupVersionKind.GroupVersion().String(), ref.Kind
				s.binding.Labels["propagationpolicy.karmada.io/permanent-id"] = tc.claimed
				s.gate.plan.Changes = []*direct.Change{c, s.policy}
				err := s.gate.plan.Turn("c1").unbind(t.Context(), 2*calm)
				if _, late := errors.AsType[*LateError](err); late != tc.waits {
					t.Errorf("it ended with %v", err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.template.Action = direct.ActionRelease
		delete(s.binding.Labels, "propagationpolicy.karmada.io/permanent-id")
		began := time.Now()
		err := s.gate.plan.Turn("c1").unbind(t.Context(), calm-time.Second)
		if _, late := errors.AsType[*LateError](err); !late {
			t.Errorf("nobody's for %s: %v", time.Since(began), err)
		}
	})
}

// A policy of either scope may have a template.
func TestIsClaimed(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]bool{
		"propagationpolicy.karmada.io/permanent-id": true, "clusterpropagationpolicy.karmada.io/permanent-id": true, "other": false,
	} {
		b := bound(t, "{spec: {}}")
		b.Labels = map[string]string{label: "x"}
		if b.isClaimed() != want {
			t.Errorf("%s: %v", label, !want)
		}
	}
}

// Clusters are not looked into where what they have is taken over, or the user's own
// policies say what goes where; nor for what Karmada has brought.
func TestMayEnterUnasked(t *testing.T) {
	t.Parallel()
	objects := []manifest.Object{{Unstructured: object(t, deployment)}}
	rendered := []render.Cluster{{Name: "c1", Objects: objects}}
	for name, but := range map[string]func(*scene, *planner){
		"taken over":      func(s *scene, p *planner) { p.options.TakeOver, s.snapshot.works = true, nil },
		"by own policies": func(s *scene, p *planner) { p.generated, s.snapshot.works = false, nil },
		"brought":         func(*scene, *planner) {},
	} {
		s := newScene(t)
		p := &planner{Plan: s.gate.plan, generated: true}
		p.beside.reach = func(context.Context, inventory.Cluster) (*member.Member, error) { return nil, nil } // a request to it would panic
		but(s, p)
		if err := p.mayEnter(t.Context(), rendered); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
