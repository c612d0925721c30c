package fleetbackup_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/preflight"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// policyOf is a policy of both clusters.
func policyOf(t *testing.T, spec velerov1.BackupSpec) *v1alpha1.BackupSchedule {
	t.Helper()
	template, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	p := &v1alpha1.BackupSchedule{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	p.Spec.Members = []v1alpha1.BackupMember{{Cluster: "c1"}, {Cluster: "c2"}}
	p.Spec.Velero = v1alpha1.VeleroTemplate{Namespace: addon.Namespace, Template: runtime.RawExtension{Raw: template}}
	if err := policy.Complete(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// look looks at a cluster as a member of a policy that backs up a namespace.
func look(t *testing.T, cluster string, spec velerov1.BackupSpec) preflight.Report {
	t.Helper()
	p := policyOf(t, spec)
	r, err := preflight.Look(t.Context(), serverOf(t, cluster).Member, p, *policy.Member(p, cluster), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantRefused fails the test unless there is one refusal, that begins so; empty: none.
func wantRefused(t *testing.T, findings []preflight.Finding, want string) {
	t.Helper()
	var said []string
	for _, f := range findings {
		said = append(said, f.Check+": "+f.Message)
	}
	if want == "" && len(said) == 0 || want != "" && len(said) == 1 && strings.HasPrefix(said[0], want) {
		return
	}
	t.Errorf("refused: %q, want %q", said, want)
}

func TestPreflight(t *testing.T) {
	f := bed(t)
	shop(t, "c1", "ready")
	of := velerov1.BackupSpec{IncludedNamespaces: []string{"ready"}}
	r := look(t, "c1", of)
	wantRefused(t, r.Refusals, "")
	m := r.Member
	if m.UID == "" || m.KubernetesVersion == "" || !strings.HasPrefix(m.VeleroVersion, "v1.18.") || m.Location.Prefix != "c1" || m.VeleroNamespace != addon.Namespace {
		t.Errorf("member: %+v", m)
	}
	if m.ClockOffsetMillis == nil || time.Duration(*m.ClockOffsetMillis)*time.Millisecond > 5*time.Second || time.Duration(*m.ClockOffsetMillis)*time.Millisecond < -5*time.Second {
		t.Errorf("its clock is ahead by %v ms", m.ClockOffsetMillis)
	}

	t.Run("location", func(t *testing.T) {
		other := of
		other.StorageLocation = "c2"
		wantRefused(t, look(t, "c1", other).Refusals, "Location: location c2 is ReadOnly")
		other.StorageLocation = "nowhere"
		wantRefused(t, look(t, "c1", other).Refusals, "Location: Velero has no BackupStorageLocation nowhere")
	})
	t.Run("shared prefix", func(t *testing.T) {
		locations := objects(t, "c2", "velero.io", "v1", "backupstoragelocations", addon.Namespace)
		patch(t, locations, "c1", `{"spec": {"accessMode": "ReadWrite"}}`, `{"spec": {"accessMode": "ReadOnly"}}`)
		there := of
		there.StorageLocation = "c1"
		results := fanout.Results[preflight.Report]{
			{Cluster: inventory.Cluster{Name: "c1"}, Value: r}, {Cluster: inventory.Cluster{Name: "c2"}, Value: look(t, "c2", there)},
		}
		shared := preflight.Shared(results)
		wantRefused(t, shared["c1"], "Location: it writes to velero/c1, and so does c2")
		wantRefused(t, shared["c2"], "Location: it writes to velero/c1, and so does c1")
	})
	t.Run("schedule", func(t *testing.T) {
		schedules := objects(t, "c1", "velero.io", "v1", "schedules", addon.Namespace)
		create(t, schedules, map[string]any{
			"apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": map[string]any{"name": "often"},
			"spec": map[string]any{"schedule": "* * * * *", "template": map[string]any{"includedNamespaces": []any{"default"}}},
		})
		wantRefused(t, look(t, "c1", of).Refusals, "Schedule: Schedule often is due at ")
		remove(t, schedules, "often")
	})
	t.Run("queue", func(t *testing.T) {
		s := serverOf(t, "c1")
		f.Hang(t, addon.Store)
		if _, err := s.CreateBackup(t.Context(), backupOf(t, s, "slow", "ready")); err != nil {
			t.Fatal(err)
		}
		if got := look(t, "c1", of).Refusals; len(got) == 0 || got[0].Check != preflight.CheckQueue || !strings.Contains(got[0].Message, "and has namespace ready, too") {
			t.Errorf("refused: %+v", got)
		}
		f.Resume(t, addon.Store)
	})
	t.Run("rights", func(t *testing.T) {
		p := policyOf(t, of)
		config := f.RESTConfig(t, "c1")
		config.Impersonate.UserName = "nobody-in-particular"
		report, err := preflight.Look(t.Context(), memberOf(t, config, "c1"), p, p.Spec.Members[0], nil, "")
		// Not even its namespace kube-system may be read.
		if err == nil {
			t.Errorf("looked at by nobody: %+v", report)
		}
	})
	t.Run("silent Velero", func(t *testing.T) {
		shop(t, "c2", "ready")
		killVelero(t, "c2")
		wantRefused(t, look(t, "c2", of).Refusals, "Velero: Velero in namespace velero has not answered a ServerStatusRequest for 15s")
	})
}

// patch changes an object until the test ends.
func patch(t *testing.T, in dynamic.ResourceInterface, name, there, back string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	change := func(ctx context.Context, with string) {
		if !json.Valid([]byte(with)) {
			t.Fatalf("no patch: %s", with)
		}
		if _, err := in.Patch(ctx, name, "application/merge-patch+json", []byte(with), metav1.PatchOptions{}); err != nil {
			t.Error(err)
		}
	}
	change(t.Context(), there)
	t.Cleanup(func() { change(ctx, back) })
}

func remove(t *testing.T, in dynamic.ResourceInterface, name string) {
	t.Helper()
	if err := in.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// killVelero kills the Velero of a cluster until the test ends.
func killVelero(t *testing.T, cluster string) {
	t.Helper()
	bed(t).KillProgram(t, cluster, "velero")
}
