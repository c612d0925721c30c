package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// What is no longer wanted is left without --prune, and is of the set still: after a
// prune it comes back with a rollback, which means the last revision that is not the
// same as what is there.
func TestPropagateRollbackOfAPrune(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-back")
	red, blue := with(oneMap, "COLOR", "red"), with(oneMap, "COLOR", "blue")
	a.propagate(t, with(oneMap+extraMap, "COLOR", "red")).want(t, 0)
	a.propagate(t, blue).want(t, 0) // extra is left
	a.propagate(t, blue, "--prune").want(t, 0)
	a.do(t, "rollback").want(t, 0).says(t, "back to revision 2")
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if now := a.configMaps(t, cluster); len(now) != 2 || now["settings"]["color"] != "blue" {
			t.Errorf("%s: the prune was not taken back: %v", cluster, now)
		}
	})
	// The revision before is the same as the last, once it was applied by force over what
	// somebody else had set: back is what differs.
	a.propagate(t, red).want(t, 0)
	a.kubectlIn(t, a.clusters[0], with(red, "large", "small"), "apply", "--server-side", "--force-conflicts", "--field-manager=somebody")
	a.propagate(t, red, "--force-conflicts").want(t, 0)
	a.do(t, "rollback", "--force-conflicts").want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if now := a.configMaps(t, cluster); now["settings"]["color"] != "blue" {
			t.Errorf("%s: back is not blue: %v", cluster, now)
		}
	})
}

// A run that has but put back what somebody had deleted is taken back to what was before
// it: that is the same, and not what was before that.
func TestPropagateRollbackOfARepair(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-repair")
	red := with(oneMap, "COLOR", "red")
	a.propagate(t, red).want(t, 0)
	for _, cluster := range a.clusters {
		a.kubectlIn(t, cluster, "", "delete", "configmap", "settings", "-n", a.name)
	}
	a.propagate(t, red, "--waves", "1,100%", "--on-failure", "rollback", "--gate", "test $KUBECTL_FLEET_CLUSTERS = "+a.clusters[0]).want(t, 3)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if now := a.configMaps(t, cluster); now["settings"]["color"] != "red" {
			t.Errorf("%s: after the rollback there is %v", cluster, now)
		}
	})
	a.do(t, "rollback").want(t, 5).says(t, "nothing was changed")
}

// A first revision that is rolled back leaves what is protected, and says so: then, and
// for as long as it is left. It is nothing to go back to.
func TestPropagateRollbackOfAFirstThatFailed(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-none")
	first := a.clusters[0]
	manifest := with("apiVersion: v1\nkind: Namespace\nmetadata: {name: prop-none-made}\n---\n"+oneMap, "COLOR", "red")
	a.propagate(t, manifest, "--waves", "1,100%", "--gate", "exit 1", "--on-failure", "rollback").want(t, 1).
		says(t, "note: "+first+": rolled back, and Namespace prop-none-made stays")
	status := a.do(t, "status", "-o", "wide").want(t, 0).
		says(t, "note: "+first+": the set prop-none was rolled back, and only Namespace prop-none-made is left of it; withdraw prop-none forgets it")
	if got, want := row(status, first), first+" prop-none 2 RolledBack <none> <none> <none> <none> Namespace prop-none-made is left"; got != want {
		t.Errorf("status is\n%s\nwant\n%s", got, want)
	}
	a.propagate(t, manifest).want(t, 0)
	if got, want := row(a.do(t, "status", "-o", "wide"), first), first+" prop-none 3 Done 2/2 <none> <none> <none> <none>"; got != want {
		t.Errorf("propagated again, status is\n%s\nwant\n%s", got, want)
	}
	a.do(t, "rollback").want(t, 5).says(t, "there is no revision of set prop-none before what is applied")
	a.do(t, "withdraw", "--delete-kinds", "Namespace").want(t, 0)
}

// What a run says of a cluster that it brought back, and status after it, is what is there:
// which revision that is, and what the way back did; not what the run had wanted.
func TestPropagateRolledBackSaysWhatIsThere(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-backed")
	first, last := a.clusters[0], a.clusters[1]
	red, blue := with(oneMap, "COLOR", "red"), with(oneMap+extraMap, "COLOR", "blue")
	a.propagate(t, red).want(t, 0)
	no := []string{"--waves", "1,100%", "--gate", "exit 1", "--on-failure", "rollback"}
	table := a.propagate(t, blue, no...).want(t, 1)
	for _, want := range []string{first + " " + a.name + " 3 (as 1) RolledBack update 1, delete 1 current 1/1", last + " " + a.name + " 1 Planned update 1, create 1 <none>"} {
		if cluster, _, _ := strings.Cut(want, " "); row(table, cluster) != want {
			t.Errorf("want %q in\n%s", want, table.stdout)
		}
	}
	status := func(want ...string) {
		t.Helper()
		shown := a.do(t, "status", "-o", "wide")
		for _, want := range want {
			if cluster, _, _ := strings.Cut(want, " "); row(shown, cluster) != want {
				t.Errorf("status: want %q in\n%s", want, shown.stdout)
			}
		}
	}
	status(first+" "+a.name+" 3 (as 1) Done 1/1 <none> <none> 1 <none>", last+" "+a.name+" 1 Done 1/1 <none> <none> <none> <none>")

	brought := outcomes(t, a.propagate(t, blue, append(no, "-o", "json")...).want(t, 1))
	at := brought[first]
	if at.Revision != 5 || at.Restores == nil || *at.Restores != 3 || len(at.Changes) != 2 {
		t.Fatalf("brought back, %s is %+v", first, at)
	}
	if is := at.Changes[0].Differences; len(is) != 1 || is[0].Reference != "blue" || is[0].Value != "red" {
		t.Errorf("brought back, %s has changed %+v, want the color from blue to red", first, is)
	}
	if at := brought[last]; at.Revision != 1 || at.Restores != nil {
		t.Errorf("without a turn, %s is %+v", last, at)
	}

	a.propagate(t, blue).want(t, 0)
	for cluster, at := range outcomes(t, a.do(t, "rollback", "-o", "json").want(t, 0)) {
		want := map[string]int{first: 5, last: 1}[cluster]
		if at.Restores == nil || *at.Restores != want {
			t.Errorf("%s: %+v, want revision %d back", cluster, at, want)
		}
	}
	status(first+" "+a.name+" 7 (as 5) Done 1/1 <none> <none> 3,5,6 <none>", last+" "+a.name+" 3 (as 1) Done 1/1 <none> <none> 1,2 <none>")
	if again := outcomes(t, a.propagate(t, red, "--prune", "-o", "json").want(t, 0)); again[last].Phase != v1alpha1.PropagationUnchanged || again[last].Restores == nil {
		t.Errorf("what is there already: %+v", again[last])
	}
}

// A run that has ended before its end is said to have stopped, and a cluster that
// had no turn shows what is applied there, and no drift.
func TestPropagateStatusOfAStoppedRun(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-stopped")
	a.propagate(t, with(oneMap, "COLOR", "red")).want(t, 0)
	a.propagate(t, with(oneMap, "COLOR", "blue"), "--waves", "1,100%", "--gate", "exit 1").want(t, 6)
	var list struct{ Items []v1alpha1.SetStatus }
	if err := json.Unmarshal([]byte(a.do(t, "status", "-o", "json").want(t, 0).stdout), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 {
		t.Fatalf("%d sets, want that of two clusters", len(list.Items))
	}
	first, second := list.Items[0], list.Items[1]
	if first.Phase != v1alpha1.PropagationFailed || first.Revision != 2 {
		t.Errorf("the first is %s at revision %d", first.Phase, first.Revision)
	}
	if second.Revision != 1 || second.Pending != 2 || len(second.Drifted) > 0 {
		t.Errorf("the second, which had no turn: revision %d, pending %d, drifted %v", second.Revision, second.Pending, second.Drifted)
	}
}

// The revision that is applied and the three before it are kept, and no more: each can be
// gone back to, and older ones are said to be gone.
func TestPropagateKeepsThreeRevisions(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-kept")
	for number := range 5 {
		a.propagate(t, with(oneMap, "COLOR", fmt.Sprintf("color-%d", number+1))).want(t, 0)
	}
	kept := func(applied int, before ...int) {
		t.Helper()
		want := []string{"set-" + a.name}
		for _, n := range append(before, applied) {
			want = append(want, fmt.Sprintf("set-%s.r%d.0", a.name, n))
		}
		a.each(t, func(cluster string, client *kubernetes.Clientset) {
			list, err := client.CoreV1().Secrets(a.state).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for i := range list.Items {
				names = append(names, list.Items[i].Name)
			}
			slices.Sort(names)
			if !slices.Equal(names, want) {
				t.Errorf("%s remembers %q, want %q", cluster, names, want)
			}
		})
		for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
			if s.Revision != applied || !slices.Equal(s.Kept, before) {
				t.Errorf("%s: revision %d, and %v before it; want %d and %v", s.Annotations[v1alpha1.ClusterAnnotation], s.Revision, s.Kept, applied, before)
			}
		}
	}
	kept(5, 2, 3, 4)
	for _, to := range []string{"2", "3", "4"} {
		if plan := a.do(t, "rollback", "--to-revision", to, "--dry-run=server").want(t, 0); !strings.Contains(plan.stdout, "color-"+to) {
			t.Errorf("to revision %s:\n%s", to, plan.stdout)
		}
	}
	a.do(t, "rollback", "--to-revision", "1").want(t, 5).says(t, "revision 1 of set "+a.name+" is not kept: there are 2, 3, 4, 5", "nothing was changed")
	a.do(t, "rollback", "--to-revision", "2").want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if color := a.configMaps(t, cluster)["settings"]["color"]; color != "color-2" {
			t.Errorf("%s: back, the color is %q", cluster, color)
		}
	})
	kept(6, 3, 4, 5)
}

// A run for fewer clusters leaves the others as they are, whatever it does to the set
// where it is; status has all of them.
func TestPropagateNarrowed(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-narrow")
	first, last := a.clusters[0], a.clusters[1]
	one := *a
	one.clusters = []string{first}
	a.propagate(t, with(oneMap+extraMap, "COLOR", "red")).want(t, 0)
	before := a.versions(t, last)
	leaves := func(did string) {
		t.Helper()
		if after := a.versions(t, last); !slices.Equal(before, after) {
			t.Errorf("%s in %s alone wrote in %s: before\n%q\nafter\n%q", did, first, last, before, after)
		}
	}
	status := func(want ...string) {
		t.Helper()
		var rows []string
		for _, row := range a.run(t, "status", a.name, "--state-namespace", a.state, "-o", "wide").rows() { // of all clusters
			upToHealthy, _, _ := strings.Cut(strings.Join(row, " "), " <none>")
			rows = append(rows, upToHealthy)
		}
		if !slices.Equal(rows, want) {
			t.Errorf("status: %q, want %q", rows, want)
		}
	}
	one.propagate(t, with(oneMap, "COLOR", "blue"), "--prune").want(t, 0)
	leaves("propagate")
	status(first+" "+a.name+" 2 Done 1/1", last+" "+a.name+" 1 Done 2/2")
	one.do(t, "rollback").want(t, 0)
	leaves("rollback")
	status(first+" "+a.name+" 3 (as 1) Done 2/2", last+" "+a.name+" 1 Done 2/2")
	one.do(t, "withdraw").want(t, 0)
	leaves("withdraw")
	status(last + " " + a.name + " 1 Done 2/2")
	// The set is gone on with where it is.
	a.propagate(t, with(oneMap, "COLOR", "green")).want(t, 0)
	status(first+" "+a.name+" 1 Done 1/1", last+" "+a.name+" 2 Done 1/1")
}
