package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// The hub dies in the middle of a run, and comes back. What is in the clusters then
// is as it was or as it should be, and the same command, or --resume, completes it.
func (l *karmadaLab) testHubDiesInARun(t *testing.T) {
	t.Parallel()
	s := newHubShop(t, l, "viadead")
	m := newMortal(t, l)
	s.byHub(t).want(t, 0)
	if brought := s.onHub(t, "get", "works", "-n", "karmada-es-c1", "-o", "jsonpath={.items[*].spec.workload.manifests[0].metadata.name}").want(t, 0).stdout; slices.Contains(strings.Fields(brought), "kubectl-fleet") {
		t.Errorf("the hub brings what it remembers to its clusters: %s", brought)
	}
	propagate := []string{"propagate", "-f", s.file, "--name", s.name, "-C", "c1,c2", "--via", "karmada=" + l.hub, "--waves", "1,100%", "--yes"}
	resume := []string{"propagate", "--resume", s.name, "-C", "c1,c2", "--via", "karmada=" + l.hub, "--yes"}
	image := "web:1"
	for _, tc := range []struct {
		name, write, next string
		then              []string
	}{
		{"suspending", "/propagationpolicies/" + s.name, "web:2", resume},
		{"the template", "/deployments/web", "web:3", propagate},
		{"the template, gone on with", "/deployments/web", "web:4", resume},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.write(t, "web:1", tc.next)
			got := m.dying(t, tc.write, propagate...).want(t, 6)
			for _, says := range []string{"Unreachable", "the same command again goes on where this stopped", "rollback " + s.name + " -C c1,c2 --via karmada=" + l.hub} {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("want %q:\n%s", says, got.stderr)
				}
			}
			for _, cluster := range []string{"c1", "c2"} {
				if is := s.image(t, cluster); is != image {
					t.Errorf("%s has %s when the hub died before it had the template; want %s", cluster, is, image)
				}
			}
			s.unlock(t)
			m.run(t, tc.then...).want(t, 0)
			image = tc.next
			for _, cluster := range []string{"c1", "c2"} {
				if is := s.image(t, cluster); is != image {
					t.Errorf("gone on with, %s has %s, want %s", cluster, is, image)
				}
			}
		})
	}

	// A withdrawal stops between the templates and what brought them: the cluster that
	// is looked at last has it to do.
	got := m.dying(t, "/propagationpolicies/"+s.name, "withdraw", s.name, "-C", "c1,c2", "--via", "karmada="+l.hub, "--yes").want(t, 3)
	if !strings.Contains(got.stderr, "the same command again goes on where this stopped\n") {
		t.Errorf("stderr: %s", got.stderr)
	}
	s.unlock(t)
	s.withdraw(t)
}

// A member dies in its wave, or in its bake when all was well, and comes back. The run ends
// with its name, for what Karmada says of it is old, and brings nobody else what it brings;
// status does not call it done. When it is back, the same command completes it.
func (l *karmadaLab) testMemberDies(t *testing.T) {
	l.begin(t)
	dying, well := l.members[0], l.members[1]
	l.run(t, "join", dying, well, l.to(), "--yes", "--wait").want(t, 0)
	s := newHubShop(t, l, "viamember", dying, well)
	s.byHub(t).want(t, 0)
	image := "web:1"
	for _, tc := range []struct{ name, image, delay, bake string }{
		{"in its wave", "web:2", "10s", "0s"},
		{"in its bake", "web:3", "0s", "1h"},
	} {
		s.write(t, "web:1", tc.image, "metadata: {labels: {app: web}}", `metadata: {labels: {app: web}, annotations: {testbed.kubectl-fleet.io/ready-delay: "`+tc.delay+`"}}`)
		waves := []string{"--waves", dying + ",100%"}
		t.Run(tc.name, func(t *testing.T) {
			w := s.follow(t, append([]string{"propagate", "-f", s.file, "--name", s.name, "-C", dying + "," + well, "--via", "karmada=" + l.hub, "--bake", tc.bake, "--yes", "--cluster-timeout", "2s"}, waves...)...)
			w.sees(t, "wave 1/2", dying)
			eventually(t, "the template in "+dying, func() error {
				if is := s.image(t, dying); is != tc.image {
					return errors.New(is)
				}
				if tc.bake != "0s" {
					return baking(decode[v1alpha1.SetStatus](t, s.set(t, "status", "-o", "json").want(t, 0)).Items, dying)
				}
				return nil
			})
			l.fleet.Kill(t, dying)
			w.ends(t, 6)
			w.sees(t, "error: "+dying+": Unreachable: ")
			w.sees(t, "the same command again goes on where this stopped")
			if is := s.image(t, well); is != image {
				t.Errorf("%s had a turn: it has %s, and had %s", well, is, image)
			}
			got := s.set(t, "status", "--cluster-timeout", "2s").want(t, 3).says(t, dying+": Unreachable: ")
			if row(got, dying) != "" || !strings.Contains(row(got, well), "pending) Pending") {
				t.Errorf("status beside a dead member:\n%s%s", got.stdout, got.stderr)
			}
		})
		s.byHub(t, waves...).want(t, 0)
		image = tc.image
		for _, cluster := range s.in {
			if is := s.image(t, cluster); is != image {
				t.Errorf("gone on with, %s has %s", cluster, is)
			}
		}
	}
	s.withdraw(t)
}

// baking is nil if all of a set is well in a cluster, and its gate not over.
func baking(status []v1alpha1.SetStatus, cluster string) error {
	for _, one := range status {
		if one.Annotations[v1alpha1.ClusterAnnotation] == cluster && (one.Phase != "Gating" || one.Current != one.Objects) {
			return fmt.Errorf("%+v", one)
		}
	}
	return nil
}

// unlock takes the lock of a run that could not give it back, so that nobody waits
// until its time is over.
func (s *hubShop) unlock(t *testing.T) {
	t.Helper()
	s.onHub(t, "delete", "lease", "set-"+s.name, "-n", "kubectl-fleet").want(t, 0)
}
