package fleet_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func (l *karmadaLab) testPropagates(t *testing.T) {
	t.Parallel()
	t.Run("the same as directly", l.testSameAsDirectly)
	t.Run("a canary that fails", l.testHubCanary)
	t.Run("fewer clusters", l.testHubNarrowed)
	t.Run("the set by its hub", l.testHubSet)
	t.Run("own policies", l.testHubPolicies)
	t.Run("what was there before", l.testHubBefore)
	t.Run("what others bring", l.testHubTheirs)
	t.Run("late", l.testHubWithdrawLate)
	t.Run("slow", l.testHubWaits)
	t.Run("astray", l.testHubAstray)
	t.Run("by default", l.testHubByDefault)
	t.Run("two operators", l.testHubTwoOperators)
	t.Run("rights on the hub", l.testHubRights)
}

// brings asserts what a plan by a hub says of the clusters beside the templates, and
// that it says no more.
func brings(t *testing.T, plan result, want ...string) {
	t.Helper()
	var says []string
	for line := range strings.Lines(plan.want(t, 0).stdout) {
		if words := strings.Fields(line); len(words) > 1 && words[1] == "bring" {
			says = append(says, strings.Join(words, " "))
		}
	}
	slices.Sort(says)
	if !slices.Equal(says, want) {
		t.Errorf("it says %q, want %q, in\n%s", says, want, plan.stdout)
	}
}

// What arrives in the clusters does not depend on who brings it.
func (l *karmadaLab) testSameAsDirectly(t *testing.T) {
	s := newHubShop(t, l, "viahub")
	flags := []string{"--replicas", "10", "--weight", "c1=90,c2=10", "--override", "c2:configmap/web:/data/greeting=hallo", "--image", "web=web:2"}
	objects := func() map[string]map[string]any {
		found := map[string]map[string]any{}
		for _, cluster := range []string{"c1", "c2"} {
			for _, what := range []string{"configmap/web", "deployment/web"} {
				found[cluster+" "+what] = s.object(t, cluster, what)
			}
		}
		return found
	}
	s.propagate(t, "direct", flags...).want(t, 0)
	directly := objects()
	s.byHub(t, append(flags, "--dry-run=server")...).want(t, 5).says(t, "ConfigMap viahub/web: c1, c2: it is there already, by the set of that name that was brought there without a hub: withdraw that first")
	l.run(t, "withdraw", s.name, "-C", "c1,c2", "--delete-kinds", "Namespace", "--yes").want(t, 0)
	for _, cluster := range []string{"c1", "c2"} { // of somebody's own, in one of them
		s.kubectl(t, "--context", cluster, "create", "ns", s.name).want(t, 0)
	}
	s.kubectl(t, "--context", "c2", "create", "cm", "web", "-n", s.name).want(t, 0)
	s.byHub(t, flags...).want(t, 5).says(t, "ConfigMap viahub/web: c2: it is there already, and not from Karmada, which would not touch it; --take-over")
	// Karmada leaves a namespace as it is, and nobody can take it over.
	s.write(t, "metadata: {name: NAME}", "metadata: {name: "+s.name+", labels: {team: pay}}")
	s.byHub(t, append(flags, "--take-over")...).want(t, 5).says(t, "Namespace viahub: c1, c2: it is there already, and not from Karmada, which leaves it as it is: give it team there")
	s.write(t)
	for _, cluster := range []string{"c1", "c2"} {
		s.kubectl(t, "--context", cluster, "delete", "ns", s.name).want(t, 0)
	}

	plan := s.byHub(t, append(flags, "--dry-run=server")...).want(t, 0).stdout
	if !strings.Contains(plan, "PropagationPolicy/") || !strings.Contains(plan, "OverridePolicy/") {
		t.Errorf("the plan does not show the policies:\n%s", plan)
	}
	s.byHub(t, flags...).want(t, 0)
	byHub := objects()
	for what, want := range directly {
		if want == nil || !reflect.DeepEqual(byHub[what], want) {
			t.Errorf("%s by Karmada is\n%v\ndirectly it is\n%v", what, byHub[what], want)
		}
	}
	if replicas, _, _ := unstructured.NestedInt64(byHub["c1 deployment/web"], "spec", "replicas"); replicas != 9 {
		t.Errorf("c1 has %d replicas, want 9", replicas)
	}
	if again := s.byHub(t, flags...).want(t, 0).stdout; strings.Count(again, "Unchanged") != 2 {
		t.Errorf("a second time it changes something:\n%s", again)
	}
	compare := func(code int, more ...string) string {
		t.Helper()
		return s.run(t, slices.Concat([]string{"diff", "-f", s.file, "--name", s.name, "-C", "c1,c2"}, flags, more)...).want(t, code).stdout
	}
	hub := "karmada=" + s.hub
	if same := compare(0, "--via", hub); strings.Contains(same, "replicas") || strings.Contains(same, "hallo") {
		t.Errorf("nothing is different, and diff shows\n%s", same)
	}
	brought := strings.Join(strings.Fields(compare(1, "--via", hub, "--weight", "c1=50,c2=50", "--override", "c2:configmap/web:/data/greeting=hola")), " ")
	for _, want := range []string{"c1 bring Deployment/web -n viahub spec.replicas 9 5", "c2 bring ConfigMap/web -n viahub data.greeting hallo hola"} {
		if !strings.Contains(brought, want) {
			t.Errorf("diff by the hub does not say %q, but %s", want, brought)
		}
	}
	// Who does not say by whom could take the clusters' own answer for the hub's.
	if guessed := compare(8); guessed != "" {
		t.Errorf("diff by nobody knows whom: %s", guessed)
	}
	compare(1, "--via", "direct")
	s.run(t, "diff", "-f", s.file, "--name", s.name, "-C", "c1,c2", "--via", hub, "--as", "nobody").want(t, 8).says(t, "Forbidden: ", "note: nothing was compared\n")

	evenly := append(slices.Clone(flags), "--weight", "c1=50,c2=50", "--dry-run=server")
	brings(t, s.byHub(t, evenly...), "c1 bring Deployment/web -n viahub spec.replicas 9 5", "c2 bring Deployment/web -n viahub spec.replicas 1 5")

	s.withdraw(t)
}

// A wave that fails keeps the next ones as they are; back is back everywhere.
func (l *karmadaLab) testHubCanary(t *testing.T) {
	s := newHubShop(t, l, "viacanary")
	s.byHub(t).want(t, 0)
	s.write(t, "web:1", "web:2", "spec: {containers", "spec: {nodeSelector: {is: nowhere}, containers")
	paused := s.byHub(t, "--waves", "1", "--timeout", "8s").want(t, 6)
	paused.says(t, "warning: c1: Pod viacanary/web-", ": FailedScheduling: ")
	if !strings.Contains(paused.stdout, "Failed") || !strings.Contains(paused.stdout, "Pending") {
		t.Errorf("the result:\n%s", paused.stdout)
	}
	if one, two := s.image(t, "c1"), s.image(t, "c2"); one != "web:2" || two != "web:1" {
		t.Errorf("after the first wave failed c1 has %s and c2 %s; want web:2 and web:1", one, two)
	}
	back := s.byHub(t, "--waves", "1", "--timeout", "20s", "--on-failure", "rollback").want(t, 1) // the way back has as long
	for _, want := range []string{"c1 viacanary 4 (as 1) RolledBack unchanged 2, update 2 current 2/2", "c2 viacanary 4 (as 1) Planned unchanged 3, update 1 <none>"} {
		if cluster, _, _ := strings.Cut(want, " "); row(back, cluster) != want {
			t.Errorf("rolled back: want %q in\n%s", want, back.stdout)
		}
	}
	for _, cluster := range []string{"c1", "c2"} {
		if image := s.image(t, cluster); image != "web:1" {
			t.Errorf("rolled back, %s has %s, want web:1", cluster, image)
		}
	}
	if status := s.set(t, "status").want(t, 0).stdout; strings.Count(status, "4 (as 1)   Done ") != 2 {
		t.Errorf("rolled back, its status is\n%s", status)
	}
	// What is mended goes on to all.
	s.write(t, "web:1", "web:3")
	s.byHub(t, "--waves", "1").want(t, 0)
	if one, two := s.image(t, "c1"), s.image(t, "c2"); one != "web:3" || two != "web:3" {
		t.Errorf("c1 has %s and c2 %s; want web:3", one, two)
	}
	s.withdraw(t)
}

// Karmada would take the set away from clusters that are not selected.
func (l *karmadaLab) testHubNarrowed(t *testing.T) {
	s := newHubShop(t, l, "vianarrow")
	s.byHub(t).want(t, 0)
	only := []string{"propagate", "-f", s.file, "--name", s.name, "-C", "c1", "--via", "karmada=" + s.hub, "--yes"}
	if got := l.run(t, only...).want(t, 5); !strings.Contains(got.stderr, "the set is in c2, too") {
		t.Errorf("stderr: %s", got.stderr)
	}
	l.run(t, append(only, "--prune")...).want(t, 0)
	eventually(t, "it is gone from c2", func() error { return nothing(s.names(t, "c2", "deploy/web", "--ignore-not-found")) })
	if image := s.image(t, "c1"); image != "web:1" {
		t.Errorf("c1 has %s", image)
	}
	if plan := s.set(t, "withdraw", "--dry-run=server").want(t, 0).stdout; !strings.Contains(plan, "Karmada keeps it in its clusters, too, until it is deleted on the hub") {
		t.Errorf("the plan does not say what becomes of the namespace:\n%s", plan)
	}
	s.withdraw(t)
	space := func(cluster string, do ...string) []string {
		t.Helper()
		return strings.Fields(s.kubectl(t, append([]string{"--context", cluster, "-o", "name"}, do...)...).want(t, 0).stdout)
	}
	space("c1", "delete", "ns", s.name)
	eventually(t, "Karmada has made its namespace anew", func() error {
		if len(space("c1", "get", "ns", s.name, "--ignore-not-found")) == 0 {
			return errors.New("it is not there")
		}
		return nil
	})
	space(s.hub, "delete", "ns", s.name)
	eventually(t, "the namespace goes with the hub's", func() error { return nothing(space("c1", "get", "ns", s.name, "--ignore-not-found")) })
}

// The set is in the clusters, and is asked for and changed by the hub that brought
// it there: as one of the hub's own it would be misunderstood.
func (l *karmadaLab) testHubSet(t *testing.T) {
	s := newHubShop(t, l, "viaset")
	s.byHub(t, "--override", "c2:configmap/web:/data/greeting=hallo", "--override", "c2:deploy/web:/spec/replicas=3").want(t, 0)
	rows := func(says ...string) {
		t.Helper()
		status := s.set(t, "status", "-o", "wide").want(t, 0)
		lines := strings.Split(strings.TrimSpace(status.stdout), "\n")[1:]
		for i, want := range says {
			if i >= len(lines) || strings.Join(strings.Fields(lines[i]), " ") != want {
				t.Errorf("status: want %q in\n%s", want, status.stdout)
			}
		}
	}
	rows("c1 viaset 1 Done 2/2 2/2 <none> <none> <none>", "c2 viaset 1 Done 2/2 3/3 <none> <none> <none>")
	for _, args := range [][]string{{"withdraw", s.name}, {"rollback", s.name}, {"propagate", "-f", s.file, "--name", s.name}} {
		if got := l.run(t, append(args, "-C", l.hub, "--yes")...).want(t, 5); !strings.Contains(got.stderr, "--via karmada="+l.hub) {
			t.Errorf("%s on the hub itself: %s", args[0], got.stderr)
		}
	}
	if got := l.run(t, "status", s.name, "-C", l.hub).want(t, 0); !strings.Contains(got.stdout, "<unknown>") || !strings.Contains(got.stderr, "--via karmada="+l.hub) {
		t.Errorf("status of the hub itself: %s%s", got.stdout, got.stderr)
	}
	if got := l.run(t, "withdraw", s.name, "-C", "c1", "--via", "karmada="+l.hub, "--yes").want(t, 5); !strings.Contains(got.stderr, "the set is in c2, too") {
		t.Errorf("of one cluster: %s", got.stderr)
	}

	brings(t, s.byHub(t, "--dry-run=server"), "c2 bring ConfigMap/web -n viaset data.greeting hallo hello", "c2 bring Deployment/web -n viaset spec.replicas 3 2")
	// An override that is gone is undone; what the first wave does not bear, c2 is spared.
	s.byHub(t, "--timeout", "20s").want(t, 0)
	s.write(t, "web:1", "web:2", "hello", "bad", "spec: {containers", "spec: {nodeSelector: {is: nowhere}, containers")
	s.byHub(t, "--waves", "1", "--timeout", "5s").want(t, 6)
	rows("c1 viaset 3 Failed 1/2 2/2 <none> 1,2 Deployment viaset/web: it is Unhealthy: Updated: 1/2",
		"c2 viaset 2 (3 pending) Pending 2/2 2/2 <none> 1 <none>")
	if got := s.run(t, "propagate", "--resume", s.name, "-C", "c1,c2", "--via", "karmada="+s.hub, "--timeout", "5s", "--yes").want(t, 6); !strings.Contains(got.stderr, "wave 1/2: c1") {
		t.Errorf("gone on with: %s", got.stderr)
	}
	if plan := s.set(t, "rollback", "--dry-run=server").want(t, 0).stdout; !strings.Contains(plan, "web:2") {
		t.Errorf("the way back does not show the image:\n%s", plan)
	}
	s.set(t, "rollback", "--yes").want(t, 0)
	rows("c1 viaset 4 (as 2) Done 2/2 2/2 <none> 1,2 <none>", "c2 viaset 4 (as 2) Done 2/2 2/2 <none> 1,2 <none>")
	for _, cluster := range []string{"c1", "c2"} {
		if greeting := s.kubectl(t, "--context", cluster, "get", "cm/web", "-n", s.name, "-o", "jsonpath={.data.greeting}").want(t, 0).stdout; greeting != "hello" {
			t.Errorf("back, %s has the greeting %q", cluster, greeting)
		}
	}
	if got := s.set(t, "rollback", "--to-revision", "1", "--waves", "1,100%", "--yes").want(t, 0); !strings.Contains(got.stderr, "wave 2/2: c2") {
		t.Errorf("in waves: %s", got.stderr)
	}
	rows("c1 viaset 5 (as 1) Done 2/2 2/2 <none> 1,2,4 <none>", "c2 viaset 5 (as 1) Done 2/2 3/3 <none> 1,2,4 <none>")
	s.withdraw(t)
	if got := s.set(t, "withdraw", "--yes").want(t, 1); !strings.Contains(got.stderr, "brings no set viaset to clusters") {
		t.Errorf("withdrawn twice: %s", got.stderr)
	}
}

// parts are what an application may have beside objects in a namespace, and the
// policies that the user has for all of it.
const parts = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NAME.example.com}
spec:
  group: NAME.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: NAME.example.com/v1
kind: Widget
metadata: {name: one, namespace: NAME}
size: 1
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME-reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`

const policies = `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: mine, namespace: NAME}
spec:
  resourceSelectors:
  - {apiVersion: v1, kind: ConfigMap, name: web}
  - {apiVersion: apps/v1, kind: Deployment, name: web}
  - {apiVersion: NAME.example.com/v1, kind: Widget, name: one}
  placement: {clusterAffinity: {clusterNames: [c1, c2]}}
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterPropagationPolicy
metadata: {name: NAME-mine}
spec:
  resourceSelectors:
  - {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: NAME-reader}
  - {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, name: widgets.NAME.example.com}
  placement: {clusterAffinity: {clusterNames: [c1, c2]}}
---
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: mine, namespace: NAME}
spec:
  resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: web}]
  overrideRules:
  - targetCluster: {clusterNames: [c2]}
    overriders: {plaintext: [{path: /data/greeting, operator: replace, value: hallo}]}
`

// A CRD with an object of it, what is in no namespace, and the user's own policies
// in the place of those that are made.
func (l *karmadaLab) testHubPolicies(t *testing.T) {
	s := newHubShop(t, l, "viaown")
	more := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "NAME", s.name)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	objects, own := more("parts.yaml", parts), more("policies.yaml", policies)
	s.byHub(t, "-f", objects).want(t, 0)
	s.byHub(t, "-f", objects, "-f", own).want(t, 0)
	if made := s.names(t, s.hub, "propagationpolicies"); len(made) != 1 || !strings.HasSuffix(made[0], "/mine") {
		t.Errorf("the user's policy is not the only one: %q", made)
	}
	for cluster, want := range map[string]string{"c1": "hello", "c2": "hallo"} {
		if got := s.kubectl(t, "--context", cluster, "get", "cm/web", "-n", s.name, "-o", "jsonpath={.data.greeting}").want(t, 0).stdout; got != want {
			t.Errorf("%s has the greeting %q, want %q", cluster, got, want)
		}
		s.kubectl(t, "--context", cluster, "get", "widgets."+s.name+".example.com/one", "-n", s.name).want(t, 0)
		s.kubectl(t, "--context", cluster, "get", "clusterrole/"+s.name+"-reader").want(t, 0)
	}
	if again := s.byHub(t, "-f", objects, "-f", own).want(t, 0).stdout; strings.Count(again, "Unchanged") != 2 {
		t.Errorf("a second time it changes something:\n%s", again)
	}
	s.set(t, "withdraw", "--delete-kinds", "CustomResourceDefinition", "--yes").want(t, 0)
	for _, cluster := range []string{"c1", "c2", s.hub} {
		left := s.kubectl(t, "--context", cluster, "get", "clusterroles,crds", "-o", "name").want(t, 0).stdout
		if strings.Contains(left, s.name) {
			t.Errorf("withdrawn, and in %s:\n%s", cluster, left)
		}
	}
	if left := s.onHub(t, "get", "clusterpropagationpolicies", "-o", "name").want(t, 0).stdout; strings.Contains(left, s.name) {
		t.Errorf("withdrawn, and on the hub: %s", left)
	}
}
