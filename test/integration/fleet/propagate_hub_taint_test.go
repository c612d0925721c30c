package fleet_test

import (
	"strings"
	"testing"
)

// A cluster that Karmada may not schedule to is waited for, and nothing calls it done
// before it has everything. One that waits for its wave says so from the first revision
// on, when it has nothing yet.
func (l *karmadaLab) testTainted(t *testing.T) {
	l.begin(t)
	one, two := l.members[0], l.members[1]
	l.run(t, "join", one, two, l.to(), "--yes", "--wait").want(t, 0)
	taint := func(taints string) {
		l.onHub(t, "patch", "cluster", two, "--type", "merge", "-p", `{"spec":{"taints":`+taints+`}}`).want(t, 0)
	}
	s := newHubShop(t, l, "viataint", one, two)
	flags := []string{"--replicas", "2", "--weight", one + "=1," + two + "=1"}
	taint(`[{"key":"broken","effect":"NoSchedule"}]`)
	if got := s.byHub(t, append(flags, "--timeout", "5s")...).want(t, 6); !strings.Contains(got.stderr, "error: "+two+": Unhealthy: not healthy within 5s: current 0/2; ") || strings.Contains(row(got, two), "Done") {
		t.Errorf("%s and %s", got.stdout, got.stderr)
	}
	got := s.set(t, "status", "-o", "wide")
	for _, says := range []string{two + " viataint 1 Failed 0/2 ", "Karmada has not scheduled it to the cluster", "Karmada gives the cluster 0 of 2 replicas, and by the weights it is 1"} {
		if !strings.Contains(row(got, two), says) {
			t.Errorf("status: want %q in\n%s", says, got.stdout)
		}
	}
	taint("null")
	s.byHub(t, flags...).want(t, 0)
	if got := s.set(t, "status"); !strings.Contains(row(got, two), " Done 2/2 ") {
		t.Errorf("when it may be scheduled there: %s", got.stdout)
	}
	s.withdraw(t)

	s = newHubShop(t, l, "viafirst", one, two)
	s.write(t, "spec: {containers", "spec: {nodeSelector: {is: nowhere}, containers")
	s.byHub(t, "--waves", "1,100%", "--timeout", "5s").want(t, 6)
	got = s.set(t, "status", "-o", "wide")
	for _, want := range []string{
		one + " viafirst 1 Failed 1/2 0/2 <none> <none> Deployment viafirst/web: it is Unhealthy: Available: 0/2",
		two + " viafirst 0 (1 pending) Pending 0/0 <none> <none> <none> <none>",
	} {
		if cluster, _, _ := strings.Cut(want, " "); row(got, cluster) != want {
			t.Errorf("at the first revision: want %q in\n%s", want, got.stdout)
		}
	}
	s.set(t, "rollback", "--yes").want(t, 0)
	got = s.set(t, "status", "-o", "wide").says(t, one+", "+two+": the set viafirst was rolled back, and only Namespace viafirst is left of it")
	for _, cluster := range s.in {
		if want := cluster + " viafirst 2 RolledBack <none> <none> <none> <none> Namespace viafirst is left"; row(got, cluster) != want {
			t.Errorf("rolled back: want %q in\n%s", want, got.stdout)
		}
	}
	s.withdraw(t)
}

// row is that of a cluster in a table, with one space between two words.
func row(r result, cluster string) string {
	for line := range strings.Lines(r.stdout) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == cluster {
			return strings.Join(words, " ")
		}
	}
	return ""
}
