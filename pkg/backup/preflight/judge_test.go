package preflight_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/preflight"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// noon is when all of it happens.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) metav1.Time { return metav1.NewTime(noon().Add(-d)) }

const driver = "disks.example.org"

// good is a member that nothing speaks against: a shop whose till is held, with a volume
// that a CSI driver snapshots, and a worker that is scaled.
func good() *preflight.Facts {
	holds := []v1alpha1.Hold{
		{Namespace: "shop", Name: "till-0", UID: "till", Container: "till"},
		{Action: 1, Namespace: "shop", Name: "worker", UID: "worker"},
	}
	policy := &v1alpha1.BackupSchedule{Spec: v1alpha1.BackupScheduleSpec{
		MaxFreeze: metav1.Duration{Duration: 90 * time.Second},
		Quiesce: []v1alpha1.QuiesceWave{{Actions: []v1alpha1.QuiesceAction{
			{Exec: &v1alpha1.ExecAction{Namespace: "shop"}},
			{Scale: &v1alpha1.ScaleAction{Namespace: "shop", Kind: "Deployment", Name: "worker"}},
		}}},
	}}
	location := &velerov1.BackupStorageLocation{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	location.Spec.Provider = "aws"
	location.Spec.ObjectStorage = &velerov1.ObjectStorageLocation{Bucket: "b", Prefix: "east"}
	location.Status = velerov1.BackupStorageLocationStatus{Phase: velerov1.BackupStorageLocationPhaseAvailable, LastValidationTime: new(ago(time.Minute))}
	worker := &unstructured.Unstructured{}
	worker.SetKind("Deployment")
	return &preflight.Facts{
		Policy: policy, Holds: holds, Now: noon(), Member: v1alpha1.MemberExecution{Cluster: "east", VeleroVersion: "v1.18.3"},
		Spec:   velerov1.BackupSpec{IncludedNamespaces: []string{"shop"}, DefaultVolumesToFsBackup: new(false)},
		Server: preflight.ServerOptions{Known: true, Workers: 1, Concurrent: 2, CSI: true}, Location: location,
		Namespaces: []string{"default", "shop", "velero"},
		Claims:     []*corev1.PersistentVolumeClaim{claim("data")},
		Volumes:    map[string]*corev1.PersistentVolume{"pv-data": volume("pv-data")},
		Pods: []*corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "till-0", UID: "till", Labels: map[string]string{"app": "till"}},
			Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "till"}},
				Volumes:    []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}},
			},
		}},
		Classes: []preflight.SnapshotClass{{Name: "fast", Driver: driver}},
		Targets: map[int]*unstructured.Unstructured{1: worker},
	}
}

func claim(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv-" + name, StorageClassName: new("disks")},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
	}
}

func volume(name string) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	v.Spec.CSI, v.Spec.StorageClassName = &corev1.CSIPersistentVolumeSource{Driver: driver}, "disks"
	v.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
	return v
}

func backup(name string, phase velerov1.BackupPhase, age time.Duration, namespaces ...string) *velerov1.Backup {
	return &velerov1.Backup{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: ago(age)}, Spec: velerov1.BackupSpec{IncludedNamespaces: namespaces}, Status: velerov1.BackupStatus{Phase: phase},
	}
}

func schedule(cron string, last time.Duration) *velerov1.Schedule {
	return &velerov1.Schedule{ObjectMeta: metav1.ObjectMeta{Name: "nightly"}, Spec: velerov1.ScheduleSpec{Schedule: cron}, Status: velerov1.ScheduleStatus{LastBackup: new(ago(last))}}
}

func said(findings []preflight.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Check+": "+f.Message)
	}
	return out
}

func TestJudgeGood(t *testing.T) {
	t.Parallel()
	r := good().Judge()
	if len(r.Refusals) != 0 || len(r.Warnings) != 0 {
		t.Errorf("refused: %q, warned: %q", said(r.Refusals), said(r.Warnings))
	}
	if want := (v1alpha1.StorageLocation{Name: "default", Provider: "aws", Bucket: "b", Prefix: "east"}); r.Member.Location != want {
		t.Errorf("location: %+v", r.Member.Location)
	}
	want := []v1alpha1.BackupVolume{{Namespace: "shop", Claim: "data", StorageClass: "disks", Driver: driver, Method: velero.ByCSI}}
	if !slices.Equal(r.Member.Volumes, want) || r.CutBudget != 5*time.Second {
		t.Errorf("volumes: %+v, a cut of %s", r.Member.Volumes, r.CutBudget)
	}
}

// probe is a liveness probe that lasts so long.
func probe(seconds int32) *corev1.Probe {
	return &corev1.Probe{PeriodSeconds: seconds, FailureThreshold: 1}
}

// What speaks against a member, by what is different from a good one. Each is said once.
func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "velero.io", Resource: "backups"}, "", fmt.Errorf("no"))
	for name, c := range map[string]struct {
		change func(*preflight.Facts)
		want   string
	}{
		"rights": {func(f *preflight.Facts) {
			for _, verb := range []string{"create", "list"} {
				f.Denied = append(f.Denied, preflight.Denial{Verb: verb, Resource: "backups.velero.io", Namespace: "velero", Matters: true})
			}
			f.Problems = []preflight.Problem{{Check: preflight.CheckQueue, Matters: true, What: "which Backups there are", Err: forbidden}}
		}, "Rights: you may not create, list backups.velero.io in namespace velero"},
		"unreadable": {func(f *preflight.Facts) {
			f.Problems = []preflight.Problem{{Check: preflight.CheckQueue, Matters: true, What: "which Backups there are", Err: forbidden}}
		}, "Queue: which Backups there are cannot be looked at: backups.velero.io is forbidden"},
		"no Velero": {func(f *preflight.Facts) {
			for _, check := range []string{preflight.CheckVelero, preflight.CheckLocation} {
				f.Problems = append(f.Problems, preflight.Problem{Check: check, Matters: true, Err: velero.ErrNotInstalled})
			}
		}, "Velero: the cluster does not know velero.io/v1"},
		"silent": {func(f *preflight.Facts) {
			f.Problems = []preflight.Problem{{Check: preflight.CheckVelero, Matters: true, Err: &velero.SilentError{Namespace: "velero", Request: "ServerStatusRequest", After: time.Second}}}
		}, "Velero: Velero in namespace velero has not answered a ServerStatusRequest for 1s"},
		"silent, and there is another": {func(f *preflight.Facts) {
			f.Elsewhere = []string{"backups"}
			f.Problems = []preflight.Problem{
				{Check: preflight.CheckVelero, Matters: true, Err: &velero.SilentError{Namespace: "velero", Request: "ServerStatusRequest", After: time.Second}},
				{Check: preflight.CheckLocation, Matters: true, Err: &velero.NoLocationError{}},
			}
		}, "Velero: Velero in namespace velero has not answered"},
		"nothing is selected": {func(f *preflight.Facts) {
			f.Spec.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "tail"}}
			f.Selected = &preflight.Selected{}
			f.Claims = nil
		}, "Selector: nothing in namespace shop has the labels app=tail"},
		"no location": {func(f *preflight.Facts) {
			f.Location = nil
			f.Problems = []preflight.Problem{{Check: preflight.CheckLocation, Matters: true, Err: &velero.NoLocationError{Name: "far", Others: []string{"near"}}}}
		}, "Location: Velero has no BackupStorageLocation far; it has near"},
		"unavailable": {func(f *preflight.Facts) {
			f.Location.Status.Phase, f.Location.Status.Message = velerov1.BackupStorageLocationPhaseUnavailable, "no such bucket"
		}, "Location: location default is Unavailable: no such bucket"},
		"read only": {func(f *preflight.Facts) {
			f.Location.Spec.AccessMode = velerov1.BackupStorageLocationAccessModeReadOnly
		}, "Location: location default is ReadOnly"},
		"store hangs": {func(f *preflight.Facts) {
			f.Location.Status.LastValidationTime = new(ago(5 * time.Minute))
		}, "Location: location default was last reached 5m0s ago"},
		"in the queue": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", velerov1.BackupPhaseQueued, time.Second, "sh*p")}
		}, "Queue: Backup other is Queued, and has namespace shop, too"},
		"of everything": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", velerov1.BackupPhaseInProgress, time.Second)}
		}, "Queue: Backup other is InProgress, and has namespace shop, too"},
		"new": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", "", time.Second, "shop")}
		}, "Queue: Backup other is New, "},
		"stuck": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", velerov1.BackupPhaseReadyToStart, 2*time.Minute, "default")}
		}, "Queue: Backup other was made 2m0s ago, and is ReadyToStart"},
		"stands still": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", velerov1.BackupPhaseQueued, 2*time.Minute, "default")}
		}, "Queue: Velero's queue stands still: Backup other is Queued, and none has been made for 2m0s"},
		"busy": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", velerov1.BackupPhaseInProgress, time.Second, "default")}
			f.Server.Concurrent = 1
		}, "Queue: Backup other has not ended, and Velero makes 1 at once"},
		"due": {func(f *preflight.Facts) {
			f.Schedules = []*velerov1.Schedule{schedule("1 * * * *", 30*time.Minute)}
		}, "Schedule: Schedule nightly is due at 2026-11-20T12:01:00Z"},
		"overdue": {func(f *preflight.Facts) {
			f.Schedules = []*velerov1.Schedule{schedule("59 * * * *", 30*time.Minute)}
		}, "Schedule: Schedule nightly is due at 2026-11-20T11:59:00Z"},
		"own hook": {func(f *preflight.Facts) {
			f.Pods[0].Annotations = map[string]string{"post.hook.backup.velero.io/command": "thaw", "pre.hook.backup.velero.io/command": "freeze"}
		}, "Holds: Velero itself would hold and release pod shop/till-0 (annotation post.hook.backup.velero.io/command)"},
		"old hook": {func(f *preflight.Facts) {
			f.Pods[0].Annotations = map[string]string{"hook.backup.velero.io/command": "freeze"}
		}, "Holds: Velero itself would hold and release pod shop/till-0"},
		"short probe": {func(f *preflight.Facts) {
			f.Pods[0].Spec.Containers[0].LivenessProbe = probe(4)
		}, "Holds: container till of pod shop/till-0 is killed when its liveness probe fails for 4s, and the cut takes 5s"},
		"autoscaler": {func(f *preflight.Facts) {
			f.Policy.Spec.Quiesce[0].Actions[1].Scale.To = 1
			f.Scalers = []*autoscalingv2.HorizontalPodAutoscaler{scaler("")}
		}, "Holds: HorizontalPodAutoscaler worker scales Deployment shop/worker"},
		"KEDA": {func(f *preflight.Facts) {
			f.Scalers = []*autoscalingv2.HorizontalPodAutoscaler{scaler("queue")}
		}, "Holds: ScaledObject queue scales Deployment shop/worker"},
		"Argo CD": {func(f *preflight.Facts) {
			f.Targets[1].SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "shop"})
		}, "Holds: Argo CD keeps Deployment shop/worker"},
		"Flux": {func(f *preflight.Facts) {
			f.Targets[1].SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop"})
		}, "Holds: Flux keeps Deployment shop/worker"},
		"operator": {func(f *preflight.Facts) {
			f.Targets[1].SetOwnerReferences([]metav1.OwnerReference{{Kind: "Shop", Name: "main", Controller: new(true)}})
		}, "Holds: Shop main keeps Deployment shop/worker"},
		"copied by annotation": {func(f *preflight.Facts) {
			f.Pods[0].Annotations = map[string]string{velerov1.VolumesToBackupAnnotation: "other, disk"}
		}, "Volumes: the files of shop/data would be copied while all is held still"},
		"copied by default": {func(f *preflight.Facts) {
			f.Spec.DefaultVolumesToFsBackup = new(true)
		}, "Volumes: the files of shop/data would be copied while all is held still"},
		"no class": {func(f *preflight.Facts) {
			f.Classes = []preflight.SnapshotClass{{Name: "other", Driver: "other"}}
		}, "Volumes: Velero finds no VolumeSnapshotClass for driver disks.example.org"},
		"two classes": {func(f *preflight.Facts) {
			f.Classes = []preflight.SnapshotClass{{Name: "fast", Driver: driver}, {Name: "slow", Driver: driver}}
		}, "Volumes: Velero finds no VolumeSnapshotClass for driver disks.example.org"},
		"nobody moves": {func(f *preflight.Facts) {
			f.Spec.SnapshotMoveData, f.Agent.Known = new(true), true
		}, "Volumes: no DaemonSet in namespace "},
		"no mover is ready": {func(f *preflight.Facts) {
			f.Spec.SnapshotMoveData, f.Agent = new(true), preflight.AgentState{Known: true, Name: "node-agent"}
		}, "Volumes: Velero's node agent, which reads the data of volumes, is ready on no node"},
		"too many volumes": {func(f *preflight.Facts) {
			for i := range 40 {
				name := fmt.Sprintf("data%d", i)
				f.Claims, f.Volumes["pv-"+name] = append(f.Claims, claim(name)), volume("pv-"+name)
			}
			f.Server.Workers = 2
		}, "Budget: its cut takes about 1m45s (41 volumes, 2 workers), and all may be held still for 1m30s"},
	} {
		f := good()
		c.change(f)
		r := f.Judge()
		if len(r.Refusals) != 1 || !strings.HasPrefix(said(r.Refusals)[0], c.want) || r.Refusals[0].Fix == "" {
			t.Errorf("%s: refused: %q, want %q", name, said(r.Refusals), c.want)
		}
	}
}

func scaler(keda string) *autoscalingv2.HorizontalPodAutoscaler {
	s := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "worker"}}
	s.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "worker"}
	if keda != "" {
		s.Labels = map[string]string{"scaledobject.keda.sh/name": keda}
	}
	return s
}

// What is said, and keeps nobody from it; empty: nothing is.
func TestJudgeWarns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*preflight.Facts)
		want   string
	}{
		"old Velero": {func(f *preflight.Facts) { f.Member.VeleroVersion = "v1.9.0" }, "Velero: its Velero is v1.9.0"},
		"rights": {func(f *preflight.Facts) {
			f.Denied = []preflight.Denial{{Verb: "create", Resource: "downloadrequests.velero.io", Namespace: "velero", Lost: "no texts"}}
		}, "Rights: you may not create downloadrequests.velero.io in namespace velero: no texts"},
		"unreadable": {func(f *preflight.Facts) {
			f.Problems = []preflight.Problem{{Check: preflight.CheckVolumes, What: "VolumeSnapshotClasses", Err: fmt.Errorf("no")}}
		}, "NotLookedAt: not known: VolumeSnapshotClasses: no"},
		"never validated": {func(f *preflight.Facts) { f.Location.Spec.ValidationFrequency = new(metav1.Duration{}) }, "Location: location default is not validated"},
		"elsewhere": {func(f *preflight.Facts) {
			f.Backups = []*velerov1.Backup{backup("other", velerov1.BackupPhaseInProgress, time.Second, "default"), backup("ended", velerov1.BackupPhaseFailed, time.Hour)}
		}, ""},
		"due later":   {func(f *preflight.Facts) { f.Schedules = []*velerov1.Schedule{schedule("3 * * * *", 30*time.Minute)} }, ""},
		"due unknown": {func(f *preflight.Facts) { f.Schedules = []*velerov1.Schedule{schedule("x", 0)} }, "Schedule: when Schedule nightly is due is not known"},
		"probe":       {func(f *preflight.Facts) { f.Pods[0].Spec.Containers[0].LivenessProbe = &corev1.Probe{} }, "Holds: container till of pod shop/till-0 is killed when its liveness probe fails for 30s, and may be held for 1m30s"},
		"long probe":  {func(f *preflight.Facts) { f.Pods[0].Spec.Containers[0].LivenessProbe = probe(90) }, ""},
		"scaled to 0": {func(f *preflight.Facts) { f.Scalers = []*autoscalingv2.HorizontalPodAutoscaler{scaler("")} }, ""},
		"template":    {func(f *preflight.Facts) { f.Spec.Hooks.Resources = []velerov1.BackupResourceHookSpec{{Name: "freeze"}} }, "Holds: hook freeze of velero.template runs while all is held still"},
		"unbound":     {func(f *preflight.Facts) { f.Claims[0].Spec.VolumeName = "" }, "Volumes: the data of shop/data will be lacking: the claim is not bound"},
		"not taken":   {func(f *preflight.Facts) { f.Spec.SnapshotVolumes = new(false) }, "Volumes: the data of shop/data will be lacking: snapshotVolumes is false"},
		"no CSI":      {func(f *preflight.Facts) { f.Server.CSI = false }, "Volumes: the data of shop/data will be lacking: Velero takes no snapshots of such a volume"},
		"unknown CSI": {func(f *preflight.Facts) { f.Server = preflight.ServerOptions{} }, ""},
		"left out": {func(f *preflight.Facts) {
			f.Claims[0].Labels = map[string]string{velerov1.ExcludeFromBackupLabel: "true"}
			f.Classes = nil
		}, ""},
		"no claims": {func(f *preflight.Facts) {
			f.Claims[0].Labels = map[string]string{"app": "other"}
			f.Spec.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "none"}}
			f.Classes = nil
		}, ""},
		"by its pod": {func(f *preflight.Facts) {
			f.Spec.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "till"}}
			f.Spec.SnapshotVolumes = new(false)
		}, "Volumes: the data of shop/data"},
		"somebody else's mover": {func(f *preflight.Facts) {
			f.Spec.SnapshotMoveData, f.Spec.DataMover, f.Agent.Known = new(true), "other", true
		}, "Volumes: no DaemonSet in namespace "},
		"moved": {func(f *preflight.Facts) {
			f.Spec.SnapshotMoveData, f.Agent = new(true), preflight.AgentState{Known: true, Name: "node-agent", Ready: 2}
		}, ""},
		"not moved":        {func(f *preflight.Facts) { f.Agent.Known = true }, ""},
		"cut with volumes": {func(f *preflight.Facts) { f.Policy.Spec.Cut = v1alpha1.CutVolumes }, ""},
		"cut without": {func(f *preflight.Facts) {
			f.Policy.Spec.Cut, f.Claims = v1alpha1.CutVolumes, nil
		}, "Volumes: there are no volumes: it is released when its Backup is cut"},
		"cut of others": {func(f *preflight.Facts) {
			f.Policy.Spec.Cut, f.Server.CSI, f.Natives = v1alpha1.CutVolumes, false, 1
		}, "Volumes: shop/data is not taken by a CSI snapshot: all is released when the Backup is cut"},
		"nothing held": {func(f *preflight.Facts) { f.Spec.DefaultVolumesToFsBackup = new(true); f.Holds = nil }, "Volumes: the files of shop/data are copied while they are written to"},
	} {
		f := good()
		c.change(f)
		r := f.Judge()
		texts := said(r.Warnings)
		if len(r.Refusals) != 0 || c.want == "" && len(texts) > 0 || c.want != "" && (len(texts) != 1 || !strings.HasPrefix(texts[0], c.want)) {
			t.Errorf("%s: refused: %q, warned: %q, want %q", name, said(r.Refusals), texts, c.want)
		}
	}
}

// A cut's time is that of the worker with the most snapshots.
func TestJudgeBudget(t *testing.T) {
	t.Parallel()
	f := good()
	for _, name := range []string{"b", "c"} {
		f.Claims, f.Volumes["pv-"+name] = append(f.Claims, claim(name)), volume("pv-"+name)
	}
	for _, c := range []struct {
		server preflight.ServerOptions
		want   time.Duration
	}{
		{preflight.ServerOptions{Known: true, CSI: true}, 15 * time.Second},
		{preflight.ServerOptions{Known: true, CSI: true, Workers: 2}, 10 * time.Second},
		{preflight.ServerOptions{Known: true, CSI: true, Workers: 8}, 5 * time.Second},
		{preflight.ServerOptions{Known: true, CSI: true, Early: true}, 5 * time.Second},
		{preflight.ServerOptions{Known: true}, 5 * time.Second},
	} {
		f.Server = c.server
		if got := f.Judge().CutBudget; got != c.want {
			t.Errorf("%+v: %s, want %s", c.server, got, c.want)
		}
	}
}

// Members that write to one place, or one within the other's, are refused, each with the
// other's name.
func TestShared(t *testing.T) {
	t.Parallel()
	report := func(cluster, store, bucket, prefix string) fanout.Result[preflight.Report] {
		r := fanout.Result[preflight.Report]{Cluster: inventory.Cluster{Name: cluster}}
		r.Value.Store, r.Value.Member.Location = store, v1alpha1.StorageLocation{Bucket: bucket, Prefix: prefix}
		return r
	}
	results := fanout.Results[preflight.Report]{
		report("a", "s", "b", "x"), report("b", "s", "b", "x"), report("c", "s", "b", "x/y"), report("d", "s", "b", "xy"), report("e", "other", "b", "x"), report("f", "s", "", ""),
	}
	found := preflight.Shared(results)
	want := map[string]string{"a": "b c", "b": "a c", "c": "a b"}
	for cluster, findings := range found {
		var others []string
		for _, f := range findings {
			_, after, _ := strings.Cut(f.Message, "so does ")
			others = append(others, after[:1])
		}
		if strings.Join(others, " ") != want[cluster] {
			t.Errorf("%s shares with %q", cluster, others)
		}
	}
	if len(found) != len(want) {
		t.Errorf("found: %v", found)
	}
}
