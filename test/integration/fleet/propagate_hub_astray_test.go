package fleet_test

import (
	"errors"
	"strings"
	"testing"
)

// A cluster that leaves the hub loses its replicas to the others, and has none when it is
// back: Karmada is content, since the sum is right. The set is not as it was asked for, and
// that is seen, and mended.
func (l *karmadaLab) testHubAstray(t *testing.T) {
	s := newHubShop(t, l, "viaastray")
	flags := []string{"--replicas", "10", "--weight", "c1=90,c2=10"}
	s.byHub(t, flags...).want(t, 0)
	astray := func() {
		t.Helper()
		s.onHub(t, "patch", "resourcebinding", "web-deployment", "-n", s.name, "--type", "merge", "-p", `{"spec":{"clusters":[{"name":"c1","replicas":10}]}}`).want(t, 0)
		eventually(t, "it is gone from c2", func() error { return nothing(s.names(t, "c2", "deploy/web", "--ignore-not-found")) })
		eventually(t, "Karmada is content", func() error {
			if got := s.set(t, "status", "-o", "wide").want(t, 0); strings.Count(got.stdout, "1/2") != 2 || !strings.Contains(got.stdout, "Karmada gives the cluster 0 of 10 replicas, and by the weights it is 1") {
				return errors.New(got.stdout)
			}
			return nil
		})
	}
	replicas := func() string {
		t.Helper()
		var both []string
		for _, cluster := range []string{"c1", "c2"} {
			both = append(both, s.kubectl(t, "--context", cluster, "get", "deploy/web", "-n", s.name, "-o", "jsonpath={.spec.replicas}").want(t, 0).stdout)
		}
		return strings.Join(both, " ")
	}
	for _, more := range [][]string{nil, {"--waves", "1,100%"}} {
		astray()
		if plan := s.byHub(t, append(flags, "--dry-run=server")...).want(t, 0).stdout; !strings.Contains(plan, "reschedule") {
			t.Errorf("the plan:\n%s", plan)
		}
		s.byHub(t, append(flags, more...)...).want(t, 0)
		if got := replicas(); got != "9 1" {
			t.Errorf("%q: c1 and c2 have %q replicas, want 9 and 1", more, got)
		}
	}
	if again := s.byHub(t, flags...).want(t, 0).stdout; strings.Count(again, "Unchanged") != 2 {
		t.Errorf("a second time it changes something:\n%s", again)
	}
	s.withdraw(t)
}
