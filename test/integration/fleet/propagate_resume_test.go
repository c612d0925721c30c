package fleet_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// A run that was killed in its second wave is gone on with by somebody else, who
// has no manifests: the first wave is left as it is.
func TestPropagateResume(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-resume")
	manifest := a.file(t, "app.yaml", slowly("1s")+"---\n"+with(oneMap, "COLOR", "red"))
	w := a.follow(t, a.args("propagate", "-f", manifest, "--bake", "1s", "--waves", a.clusters[0]+",100%")...)
	w.sees(t, "wave 2/2")
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	w.ends(t, -1)
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	// All but the lock, which the killed has left.
	objects := func() []string {
		return slices.DeleteFunc(a.versions(t, a.clusters[0]), func(line string) bool { return strings.HasPrefix(line, "Lease ") })
	}
	first := objects()

	elsewhere := newPlugin(t)
	again := []string{"propagate", "--resume", a.name, "--state-namespace", a.state, "-C", strings.Join(a.clusters, ","), "--yes"}
	r := elsewhere.run(t, append(again, "-o", "json")...).want(t, 0)
	r.says(t, "1 cluster through, 1 cluster to go")
	done := decode[v1alpha1.Propagation](t, r).Items
	if len(done) != 2 || done[0].Phase != v1alpha1.PropagationUnchanged || done[1].Phase != v1alpha1.PropagationDone {
		t.Errorf("%s", r.stdout)
	}
	for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
		if s.Phase != "Done" || s.Revision != 1 || s.Current != s.Objects || len(s.Drifted) > 0 {
			t.Errorf("after it: %+v", s)
		}
	}
	if now := objects(); !slices.Equal(first, now) {
		t.Errorf("the cluster that was through was written to: %q, %q", first, now)
	}
	if held := a.leases(t); len(held) > 0 {
		t.Errorf("held: %q", held)
	}
	elsewhere.run(t, again...).want(t, 0).says(t, "nothing to go on with")
}
