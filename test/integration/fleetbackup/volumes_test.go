package fleetbackup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/test/ledger/lab"
)

// TestVolumes makes sets of an application whose data are in volumes, of which a CSI
// driver takes snapshots, and gets the bytes back.
func TestVolumes(t *testing.T) {
	l := lab.NewStored(t, bed(t), "c1", "c2")
	t.Run("nothing is lost", func(t *testing.T) { l.Conserve(t, 1) })
	set := l.Newest(t)
	t.Run("the volumes are the sign of the cut", func(t *testing.T) {
		for _, m := range set.Status.Members {
			if m.CutBy != v1alpha1.CutByVolumes || len(m.Volumes) != 1 || m.Volumes[0].Method != "CSI" || m.Volumes[0].Handle == "" || m.Volumes[0].Taken.IsZero() {
				t.Errorf("%+v", m)
			}
		}
		code, out := l.Plugin(t, "describe", set.Name)
		if code != 0 || !strings.Contains(out, "Quiesced (volumes), complete") || !strings.Contains(out, set.Status.Members[1].Volumes[0].Handle) {
			t.Errorf("%d: %s", code, out)
		}
	})
	t.Run("volumes that are there keep their data", func(t *testing.T) {
		code, out := l.Plugin(t, "restore", set.Name, "-C", "c1,c2", "--dry-run=server")
		if code != 0 || strings.Count(out, "PersistentVolumeClaim ledger/accounts is there, and keeps its data") != 2 || !strings.Contains(out, "Quiesced (volumes)") {
			t.Errorf("%d: %s", code, out)
		}
	})
	t.Run("drill", func(t *testing.T) {
		code, out := l.Plugin(t, "drill", set.Name, "-C", "c1,c2", "--yes")
		if code != 0 || !strings.Contains(out, "is ready after") {
			t.Errorf("%d: %s", code, out)
		}
		eventually(t, func() error {
			if left := made(t, "ledger-drill"); len(left) > 0 {
				return fmt.Errorf("it leaves %q", left)
			}
			return nil
		})
	})
	// What makes the volumes others than preflight has found does so while all is still, before
	// the Backups are asked for. One that has come is cut after those that are waited for, or
	// before: if it is after, that is found out in the end.
	for _, test := range []struct {
		what, does string
		code       int
		grade      v1alpha1.BackupGrade
		complete   bool
		by         v1alpha1.CutSign
		why        string
	}{
		{"a volume has come", "apply -f %s --wait && %s wait --for=jsonpath={.status.phase}=Bound pvc/late", 7, v1alpha1.GradeTorn, true, v1alpha1.CutByVolumes, "volume ledger/late has come after preflight"},
		{"a volume is gone", "delete pvc late --ignore-not-found; %.0s%.0s", 3, v1alpha1.GradeQuiesced, false, v1alpha1.CutByPhase, "the data of ledger/late are missing: Velero did not take it"},
	} {
		t.Run(test.what, func(t *testing.T) {
			kubectl := fmt.Sprintf("%s --kubeconfig %s --context c1 -n ledger", bed(t).Binary(t, "kubectl"), bed(t).Kubeconfig())
			late := filepath.Join(t.TempDir(), "late.yaml")
			if err := os.WriteFile(late, []byte(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: late},
				spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			policy := l.PolicyWith(t, "c1", kubectl+" "+fmt.Sprintf(test.does, late, kubectl))
			code, out := l.Plugin(t, "create", "--yes", "-f", policy)
			is := l.Newest(t).Status
			if code != test.code || is.Grade != test.grade || is.Complete != test.complete || !strings.Contains(strings.Join(is.Why, "; "), test.why) {
				t.Errorf("%d, %s, complete %t: %s", code, is.Grade, is.Complete, out)
			}
			if first := is.Members[0]; first.CutBy != test.by || len(first.Volumes) != 2 {
				t.Errorf("cut by %s: %+v", first.CutBy, first.Volumes)
			}
		})
	}
}

// made are the volumes that a namespace has, or had, in all clusters, and what there is of
// snapshots for it.
func made(t *testing.T, namespace string) []string {
	t.Helper()
	var names []string
	for _, c := range []string{"c1", "c2"} {
		for _, kind := range []struct{ group, resource, of string }{{"", "persistentvolumes", "claimRef"}, {"snapshot.storage.k8s.io", "volumesnapshotcontents", "volumeSnapshotRef"}} {
			list, err := objects(t, c, kind.group, "v1", kind.resource, "").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				if of, _, _ := unstructured.NestedString(o.Object, "spec", kind.of, "namespace"); of == namespace {
					names = append(names, c+" "+kind.resource+" "+o.GetName())
				}
			}
		}
	}
	return names
}
