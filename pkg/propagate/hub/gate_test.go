package hub

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// changeOf is a change of an object that is on the hub as it is to be.
func changeOf(t *testing.T, action direct.Action, text string) *direct.Change {
	t.Helper()
	o := object(t, text)
	c := direct.Found(member.Resource{}, manifest.Object{Unstructured: o}, o.DeepCopy())
	c.Action = action
	return c
}

func workOf(t *testing.T, text string) *work {
	t.Helper()
	w := &work{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object(t, "{kind: Work, "+text[1:]).Object, w); err != nil {
		t.Fatal(err)
	}
	return w
}

// planOf is a plan for c1 and c2, of a hub that says this; the clusters cannot be asked.
func planOf(s *snapshot, changes ...*direct.Change) *Plan {
	p := newPlan(nil, direct.Options{Set: "web"}, func(context.Context, inventory.Cluster) (*member.Member, error) {
		return nil, errors.New("nobody is there")
	})
	p.Plan, p.known = &direct.Plan{Changes: changes}, map[string]string{"c1": "c1", "c2": "c2"}
	p.latest, p.taken = s, time.Now().Add(time.Hour) // it is fresh
	return p
}

const (
	deployment = "{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: a, generation: 7, resourceVersion: '10'}, spec: {replicas: 2}}"
	placing    = "{kind: PropagationPolicy, apiVersion: policy.karmada.io/v1alpha1, metadata: {name: web, namespace: a, labels: {propagationpolicy.karmada.io/permanent-id: p}}, spec: {placement: {clusterAffinity: {clusterNames: [c1, c2, c3]}}}}"
	delivering = `{metadata: {namespace: karmada-es-c1}, status: {conditions: [{type: Applied, status: "True"}]}, spec: {workload: {manifests: [{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: a, annotations: {resourcetemplate.karmada.io/generation: '7'}}, spec: {replicas: 2}}]}}}`
)

// scene is a template that Karmada has brought to c1 in every respect.
type scene struct {
	template, policy *direct.Change
	binding          *binding
	work             *work
	snapshot         *snapshot
	gate             *gate
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{
		template: changeOf(t, direct.ActionUnchanged, deployment), policy: changeOf(t, direct.ActionUnchanged, placing),
		binding: bound(t, "{spec: {resource: {apiVersion: apps/v1, kind: Deployment, namespace: a, name: web, resourceVersion: '10'}}}"), work: workOf(t, delivering),
	}
	s.binding.Labels = map[string]string{bindingLabel: "b", "propagationpolicy.karmada.io/permanent-id": "p"}
	s.snapshot = &snapshot{bindings: []*binding{s.binding}, works: map[string]map[string]*work{"b": {"c1": s.work}}}
	s.gate = newGate(planOf(s.snapshot, s.template, s.policy), "c1")
	return s
}

func (s *scene) verdict(t *testing.T) verdict {
	t.Helper()
	return s.gate.verdict(t.Context(), s.snapshot, s.template, set.RefOf(s.template.Object.Unstructured))
}

// had says that the set had the template otherwise before.
func (s *scene) had(t *testing.T, former string) {
	t.Helper()
	var err error
	if s.gate.plan.former, err = versionsIn([]*set.Revision{{Number: 1, Objects: []*unstructured.Unstructured{object(t, former)}}}); err != nil {
		t.Fatal(err)
	}
}

// All has to be of the template as it is: binding, placement, Work, overrides, cluster.
func TestVerdict(t *testing.T) {
	t.Parallel()
	const labelled = "{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: a, labels: {tier: front}}, spec: {replicas: 2}}"
	for _, tc := range []struct {
		name string
		but  func(*testing.T, *scene)
		want verdict
	}{
		{"all there", func(*testing.T, *scene) {}, verdict{current: true}},
		{"no binding", func(_ *testing.T, s *scene) { s.snapshot.bindings = nil }, verdict{waiting: "Karmada has not bound it to a policy"}},
		{"written since", func(t *testing.T, s *scene) {
			t.Helper()
			after := object(t, deployment)
			after.SetResourceVersion("11")
			s.template.Became(after)
		}, verdict{waiting: "Karmada has not seen the change yet"}},
		{"changed by others since", func(_ *testing.T, s *scene) { s.binding.Spec.Resource.ResourceVersion = "9" }, verdict{current: true}},
		{"by a policy that goes", func(_ *testing.T, s *scene) { s.policy.Action = direct.ActionDelete }, verdict{waiting: "Karmada has it by a policy that is not of the set"}},
		{"no Work", func(_ *testing.T, s *scene) { delete(s.snapshot.works["b"], "c1") }, verdict{waiting: "Karmada has made no Work of it yet"}},
		{"a Work that goes", func(_ *testing.T, s *scene) { s.work.DeletionTimestamp = &s.binding.CreationTimestamp }, verdict{waiting: "its former Work is going away"}},
		{"gone from the hub", func(_ *testing.T, s *scene) {
			s.template = &direct.Change{Action: direct.ActionUnchanged, Object: s.template.Object}
		}, verdict{waiting: "it is gone from the hub"}},
		{"a Work of before", func(t *testing.T, s *scene) {
			t.Helper()
			after := object(t, deployment)
			after.SetGeneration(8)
			s.template.Became(after)
		}, verdict{waiting: "its Work is of generation 7, and 8 is wanted"}},
		{"a Work without its override", func(_ *testing.T, s *scene) {
			s.gate.plan.overridden[overrideKey{"Deployment a/web", "c1"}] = appliedOverride{Policy: "web-x"}
		}, verdict{waiting: "its Work does not have the overrides yet"}},
		{"a Work without another's override", func(_ *testing.T, s *scene) {
			s.gate.plan.overridden[overrideKey{"Deployment a/web", "c2"}] = appliedOverride{Policy: "web-x"}
		}, verdict{current: true}},
		{"a Work with a label that is gone", func(t *testing.T, s *scene) {
			t.Helper()
			s.had(t, labelled)
			o := s.work.manifest()
			o.SetLabels(map[string]string{"tier": "front"})
		}, verdict{waiting: "its Work does not have the change yet"}},
		{"a cluster with a label that is gone", func(t *testing.T, s *scene) {
			t.Helper()
			s.had(t, labelled)
			s.gate.members = map[set.Ref]*unstructured.Unstructured{set.RefOf(s.template.Object.Unstructured).Unversioned(): object(t, labelled)}
		}, verdict{waiting: "the cluster does not have the change yet"}},
		{"a cluster that cannot be asked", func(t *testing.T, s *scene) {
			t.Helper()
			s.had(t, labelled)
		}, verdict{current: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			tc.but(t, s)
			if got := s.verdict(t); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// What was seen in the cluster is remembered: Karmada's word on the health must be of
// that, or later.
func TestVerdictRemembersTheCluster(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.had(t, "{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: a, labels: {tier: front}}, spec: {replicas: 2}}")
	is := object(t, deployment)
	is.SetGeneration(9)
	s.gate.members = map[set.Ref]*unstructured.Unstructured{set.RefOf(is).Unversioned(): is}
	s.binding.Status.AggregatedStatus[0].Status["generation"] = int64(8)
	for _, asked := range []string{"asked", "asked no more"} {
		if got := s.verdict(t); got.waiting != "its status is of before the change" {
			t.Errorf("%s: %+v", asked, got)
		}
		s.gate.members = nil
	}
	s.binding.Status.AggregatedStatus[0].Status["generation"] = int64(9)
	if got := s.verdict(t); !got.current {
		t.Errorf("of now: %+v", got)
	}
}

// What Karmada says went wrong counts when it has said so for long, without a break.
func TestLookHasPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		elsewhere := changeOf(t, direct.ActionUnchanged, "{kind: ConfigMap, apiVersion: v1, metadata: {name: dr, namespace: a}}")
		b := bound(t, "{spec: {clusters: [{name: c2}], resource: {apiVersion: v1, kind: ConfigMap, namespace: a, name: dr}, placement: {clusterAffinity: {clusterNames: [c2]}}}}")
		b.Labels = map[string]string{"propagationpolicy.karmada.io/permanent-id": "q"}
		s.snapshot.bindings = append(s.snapshot.bindings, b)
		s.gate.plan.Changes = append(s.gate.plan.Changes, elsewhere, changeOf(t, direct.ActionUnchanged, "{kind: PropagationPolicy, apiVersion: policy.karmada.io/v1alpha1, metadata: {name: dr, namespace: a, labels: {propagationpolicy.karmada.io/permanent-id: q}}, spec: {placement: {clusterAffinity: {clusterNames: [c2]}}}}"))
		look := func(after time.Duration, wantFailed string, current int) {
			t.Helper()
			time.Sleep(after)
			h, failed, err := s.gate.look(t.Context())
			if err != nil || failed != wantFailed || h.Total != 1 || h.Current != current || len(h.Waiting) != 1-current {
				t.Errorf("%+v, failed %q, %v; want failed %q", h, failed, err, wantFailed)
			}
		}
		const says = "Deployment a/web: not applied: no"
		look(0, "", 1)
		s.work.Status.Conditions[0].Status, s.work.Status.Conditions[0].Message = "False", "no"
		look(0, "", 0)
		look(patience-time.Second, "", 0)
		look(2*time.Second, says, 0)
		s.work.Status.Conditions[0].Status = "True"
		look(0, "", 1)
		s.work.Status.Conditions[0].Status = "False"
		look(0, "", 0)
		look(patience-time.Second, "", 0)
	})
}

// What the set has no longer is waited for when it is deleted: in the cluster, and with
// the last wave in all that had their turn.
func TestVerdictOnWhatIsDropped(t *testing.T) {
	t.Parallel()
	const volume = "{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: web, namespace: a}}"
	takes := func(cluster string) verdict { return verdict{waiting: "Karmada takes it away in " + cluster} }
	for _, tc := range []struct {
		name, object string
		action       direct.Action
		dropped      bool
		in, claimed  string
		want         verdict
	}{
		{"there", deployment, direct.ActionDelete, true, "c1", "p", takes("c1")},
		{"before its wave", deployment, direct.ActionDelete, false, "c1", "p", verdict{elsewhere: true}},
		{"where the gate was passed", deployment, direct.ActionDelete, true, "c2", "p", takes("c2")},
		{"where it was not", deployment, direct.ActionDelete, true, "c3", "p", verdict{elsewhere: true}},
		{"nobody's", deployment, direct.ActionDelete, true, "c1", "", takes("c1")},
		{"another's by now", deployment, direct.ActionDelete, true, "c1", "q", verdict{elsewhere: true}},
		{"given back", deployment, direct.ActionRelease, true, "c1", "p", takes("c1")},
		{"given back, and protected", volume, direct.ActionRelease, true, "c1", "p", verdict{elsewhere: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.template = changeOf(t, tc.action, tc.object)
			ref := set.RefOf(s.template.Object.Unstructured)
			s.binding.Spec.Resource.APIVersion, s.binding.Spec.Resource.Kind = ref.GroupVersionKind.GroupVersion().String(), ref.Kind
			s.binding.Labels["propagationpolicy.karmada.io/permanent-id"] = tc.claimed
			s.snapshot.works["b"] = map[string]*work{tc.in: s.work}
			s.gate.plan.at.dropped = tc.dropped
			s.gate.plan.at.finished["c2"] = true
			if got := s.verdict(t); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// A type comes with the set if its very definition does.
func TestDefines(t *testing.T) {
	t.Parallel()
	const definition = "{kind: CustomResourceDefinition, apiVersion: apiextensions.k8s.io/v1, metadata: {name: widgets.example.com}, spec: {group: example.com, names: {kind: Widget}}}"
	for _, tc := range []struct {
		action     direct.Action
		apiVersion string
		kind       string
		want       bool
	}{
		{direct.ActionCreate, "example.com/v1", "Widget", true},
		{direct.ActionCreate, "example.com/v2", "Widget", true},
		{direct.ActionCreate, "example.org/v1", "Widget", false},
		{direct.ActionCreate, "example.com/v1", "Gadget", false},
		{direct.ActionDelete, "example.com/v1", "Widget", false},
		{direct.ActionKeep, "example.com/v1", "Widget", false},
	} {
		template := changeOf(t, direct.ActionCreate, "{kind: "+tc.kind+", apiVersion: "+tc.apiVersion+", metadata: {name: w}}")
		if got := planOf(nil, changeOf(t, tc.action, definition), template).defines(template); got != tc.want {
			t.Errorf("%s of %s, and %s its definition: %v", tc.kind, tc.apiVersion, tc.action, got)
		}
	}
}

// Templates are what Karmada brings by policies: not the policies, nor namespaces, nor
// what is only left where it is.
func TestIsTemplate(t *testing.T) {
	t.Parallel()
	var templates []string
	for _, c := range []*direct.Change{
		changeOf(t, direct.ActionCreate, "{kind: Namespace, apiVersion: v1, metadata: {name: namespace}}"), changeOf(t, direct.ActionUpdate, placing),
		changeOf(t, direct.ActionKeep, "{kind: ConfigMap, apiVersion: v1, metadata: {name: kept}}"),
		changeOf(t, direct.ActionDelete, "{kind: ConfigMap, apiVersion: v1, metadata: {name: deleted}}"),
		changeOf(t, direct.ActionUnchanged, "{kind: Namespace, apiVersion: example.com/v1, metadata: {name: other}}"),
	} {
		if isTemplate(c) {
			templates = append(templates, c.Object.GetName())
		}
	}
	if !slices.Equal(templates, []string{"deleted", "other"}) {
		t.Errorf("templates: %q", templates)
	}
}
