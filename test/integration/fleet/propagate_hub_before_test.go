package fleet_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// extra is a setting that was on the hub before the set, and is made one of it.
const extra = `
apiVersion: v1
kind: ConfigMap
metadata: {name: extra, namespace: NAME}
data: {taken: ours}
`

// What was on the hub before the set stays there, as it was; what the set brought
// of it to the clusters goes with the set, and not before the last wave.
func (l *karmadaLab) testHubBefore(t *testing.T) {
	s := newHubShop(t, l, "viabefore")
	file := filepath.Join(t.TempDir(), "extra.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(extra, "NAME", s.name)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.byHub(t).want(t, 0)
	s.onHub(t, "create", "cm", "extra", "-n", s.name, "--from-literal=taken=theirs").want(t, 0)
	adopt := []string{"-f", file, "--force-conflicts"}
	taken := func(says string, clusters ...string) {
		t.Helper()
		for _, cluster := range clusters {
			if got := s.kubectl(t, "--context", cluster, "get", "cm", "extra", "-n", s.name, "--ignore-not-found", "-o", "jsonpath={.data.taken}").want(t, 0).stdout; got != says {
				t.Errorf("%s has %q, want %q", cluster, got, says)
			}
		}
	}
	s.byHub(t, adopt...).want(t, 0)
	taken("ours", "c1", "c2", s.hub)
	s.set(t, "rollback", "--yes").want(t, 0)
	taken("theirs", s.hub)
	taken("", "c1", "c2")

	s.byHub(t, adopt...).want(t, 0)
	got := s.byHub(t, "--prune", "--waves", "1,100%", "--gate", "false").want(t, 6)
	if !strings.Contains(got.stderr, "rollback "+s.name+" -C c1,c2 --via karmada="+s.hub+" takes it back") {
		t.Errorf("the way back is not said: %s", got.stderr)
	}
	taken("ours", "c1", "c2", s.hub)
	if got := s.byHub(t, "--prune", "--dry-run=server").want(t, 0); !strings.Contains(got.stderr, "did not end there") {
		t.Errorf("the run that did not end is not said: %s", got.stderr)
	}
	s.byHub(t, "--prune", "--waves", "1,100%").want(t, 0)
	taken("theirs", s.hub)
	taken("", "c1", "c2")

	s.byHub(t, adopt...).want(t, 0)
	s.withdraw(t)
	taken("theirs", s.hub)
	taken("", "c1", "c2")
}

// theirs brings what is not of the set.
const theirs = `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: theirs, namespace: NAME}
spec:
  resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: extra}]
  placement: {clusterAffinity: {clusterNames: [c1]}}
`

// What Karmada brings to clusters already by somebody else's policy, it would not
// bring by the set's.
func (l *karmadaLab) testHubTheirs(t *testing.T) {
	s := newHubShop(t, l, "viatheirs")
	both := filepath.Join(t.TempDir(), "theirs.yaml")
	for file, text := range map[string]string{s.file: extra, both: extra + "---" + theirs} {
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "NAME", s.name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.onHub(t, "create", "ns", s.name).want(t, 0)
	s.onHub(t, "apply", "-f", both).want(t, 0)
	eventually(t, "it is in c1", func() error {
		if len(s.names(t, "c1", "cm/extra", "--ignore-not-found")) == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	if got := s.byHub(t, "--take-over", "--force-conflicts").want(t, 5); !strings.Contains(got.stderr, "by PropagationPolicy "+s.name+"/theirs, which is not of the set") {
		t.Errorf("stderr: %s", got.stderr)
	}
	s.onHub(t, "delete", "propagationpolicy", "theirs", "-n", s.name).want(t, 0)
	if got := s.byHub(t, "--force-conflicts").want(t, 5); !strings.Contains(got.stderr, "Karmada has brought it to c1 by a policy that is gone") {
		t.Errorf("stderr: %s", got.stderr)
	}
	s.byHub(t, "--take-over", "--force-conflicts").want(t, 0)
	s.withdraw(t)
}

// What Karmada does not take away in time is late, and nothing has failed; and so is
// what a finalizer holds in a cluster when Karmada says that it is gone.
func (l *karmadaLab) testHubWithdrawLate(t *testing.T) {
	s := newHubShop(t, l, "vialate")
	s.byHub(t).want(t, 0)
	const in, its = "karmada-es-c2", `"karmada.io/execution-controller"`
	work := s.works(t, in)[0]
	keep := func(finalizers string) {
		s.kubectl(t, "--context", "c2", "patch", "cm", "web", "-n", s.name, "--type=merge", `-p={"metadata":{"finalizers":`+finalizers+`}}`)
	}
	t.Cleanup(func() { keep("null") }) // a namespace with it would never end
	keep(`["example.com/kept"]`)
	hold := func(finalizers string) {
		t.Helper()
		s.onHub(t, "patch", "work", work, "-n", in, "--type=merge", `-p={"metadata":{"finalizers":`+finalizers+`}}`).want(t, 0)
	}
	hold("[" + its + `, "example.com/held"]`)
	got := s.set(t, "withdraw", "--timeout", "3s", "--yes").want(t, 4)
	if !strings.Contains(got.stderr, "error: c2: Timeout: within 3s Karmada does not say that it has taken all away: left: ") || !strings.Contains(got.stdout, "Withdrawn") {
		t.Errorf("it says %s%s", got.stdout, got.stderr)
	}
	hold("null")
	got = s.set(t, "withdraw", "--timeout", "3s", "--yes").want(t, 4)
	got.says(t, "error: c2: Timeout: deleted, and not gone within 3s: ConfigMap "+s.name+"/web, held by the finalizer example.com/kept", "the same command again goes on")
	keep("null")
	s.withdraw(t)
}

// works are the names of those by which a namespace of the hub's has objects of the set.
func (s *hubShop) works(t *testing.T, namespace string) []string {
	t.Helper()
	return strings.Fields(s.onHub(t, "get", "works", "-n", namespace, "-o", `jsonpath={.items[?(@.spec.workload.manifests[0].metadata.namespace=="`+s.name+`")].metadata.name}`).want(t, 0).stdout)
}
