package v1alpha1_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew; a changed one is a changed contract")

func raw(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }

func seconds(n int) metav1.Duration { return metav1.Duration{Duration: time.Duration(n) * time.Second} }

// kinds has a value of every kind with every field set.
func kinds() map[string]any {
	at := metav1.NewTime(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	meta := metav1.TypeMeta{APIVersion: v1alpha1.APIVersion}
	cluster := &v1alpha1.Cluster{
		TypeMeta: meta,
		ObjectMeta: metav1.ObjectMeta{
			Name: "east", Labels: map[string]string{"env": "prod"}, CreationTimestamp: at,
			Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"},
		},
		Spec: v1alpha1.ClusterSpec{Inventory: "kubeconfig", Context: "admin@east", Server: "https://east:6443"},
		Status: v1alpha1.ClusterStatus{
			Phase: "NotReady", UID: "0c1e", Version: "v1.36.3", Nodes: &v1alpha1.NodeCount{Ready: 41, Total: 42},
			Pods: new(int64(1204)), LatencyMilliseconds: new(int64(12)), FailingChecks: []string{"etcd"},
			ServingCertificateExpires: &at, ClientCertificateExpires: &at,
			Usage: &v1alpha1.Usage{
				CPU:    v1alpha1.Share{Requested: "120", Allocatable: "336"},
				Memory: v1alpha1.Share{Requested: "1Ti", Allocatable: "2Ti"},
			},
			Unknown: map[string]string{v1alpha1.FieldPods: "Forbidden"},
		},
	}
	cluster.Kind = v1alpha1.ClusterKind
	events := &v1alpha1.EventGroup{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "pod.web-*.backoff", Namespace: "shop"},
		Type: "Warning", Reason: "BackOff", ObjectKind: "Pod", ObjectName: "web-*", Clusters: []string{"east", "west"}, Count: 41,
		LastSeen: at, Message: "Back-off restarting failed container",
	}
	events.Kind = v1alpha1.EventGroupKind
	consumption := &v1alpha1.Consumption{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "n-17", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		ObjectKind: "Node", Usage: v1alpha1.Capacity{CPU: "250m", Memory: "2Gi"}, Allocatable: &v1alpha1.Capacity{CPU: "4", Memory: "8Gi"},
	}
	consumption.Kind = v1alpha1.ConsumptionKind
	budgetState := &v1alpha1.BudgetState{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "pg", Namespace: "db", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		Class: "Permanent", Demand: "minAvailable 1 of 1", Allowed: 0, Healthy: 1, Pods: 1, Shared: []string{"pg-0"}, Fix: "scale its workload to 2",
	}
	budgetState.Kind = v1alpha1.BudgetStateKind
	scaleRun := &v1alpha1.ScaleRun{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "k3x9", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		By: "ops@bastion", Started: "2026-11-20T12:00:00Z", Phase: "Paused", Why: "interrupted",
		Nodes: []v1alpha1.ScaleRunNode{{Name: "n-17", Wave: 1, Phase: "Kept", Why: "somebody has uncordoned it"}},
	}
	scaleRun.Kind = v1alpha1.ScaleRunKind
	scaleRun.Growth = &v1alpha1.PoolGrowth{Pool: "workers", From: 3, To: 5}
	poolPlan := &v1alpha1.PoolPlan{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "east", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		PoolGrowth: *scaleRun.Growth, Min: new(int64(1)), Max: new(int64(9)),
		Owner: v1alpha1.NodeOwner{Remover: "clusterapi", APIVersion: "cluster.x-k8s.io/v1beta2", Kind: "MachineDeployment", Namespace: "default", Name: "workers", UID: "3f", Count: new(int64(3))},
	}
	poolPlan.Kind = v1alpha1.PoolPlanKind
	scalePlan := &v1alpha1.ScalePlan{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "east", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		ClusterUID: "0c1e", KeepNodes: true, Asked: 3, Workers: 42, Unhealthy: []string{"3 of 42 workers are not Ready"}, Most: 5, Limit: "no place",
		Nodes: []v1alpha1.LeavingNode{{
			Name: "n-17", UID: "1f", Wave: 1, Zone: "z1", Why: "empty", Fit: "Fits", ETASeconds: 60,
			Pods:  []v1alpha1.LeavingPod{{Namespace: "shop", Name: "web-1", UID: "2f", To: "n-18", Budget: "web"}},
			Owner: v1alpha1.NodeOwner{Remover: "clusterapi", APIVersion: "cluster.x-k8s.io/v1beta2", Kind: "MachineDeployment", Namespace: "default", Name: "md-0", UID: "3f", Count: new(int64(42))},
		}},
		Blocked: []v1alpha1.BlockedNode{{Name: "n-40", Blockers: []v1alpha1.Blocker{{
			Reason: "PermanentBudget", Pod: "db/pg-0", Object: "PodDisruptionBudget db/pg", Message: "minAvailable 1 of 1 can never allow it", Fix: "scale pg to 2",
		}}}},
		Passed:      []v1alpha1.PassedNode{{Name: "n-03", Why: "control plane"}, {Name: "n-04", Why: "it is in maintenance", Fix: "wait"}},
		Budgets:     []v1alpha1.BudgetNeed{{Namespace: "shop", Name: "web", UID: "4f", Generation: 2, Allowed: 4, Need: 6, Rounds: 2}},
		NotModelled: []string{"preemption"}, Hash: "5f",
	}
	scalePlan.Kind = v1alpha1.ScalePlanKind
	found := &v1alpha1.Found{
		TypeMeta: meta,
		ObjectMeta: metav1.ObjectMeta{
			Name: "ledger", Namespace: "pay", CreationTimestamp: at, Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"},
		},
		Object: v1alpha1.FoundObject{APIVersion: "apps/v1", Kind: "Deployment"},
		Images: []v1alpha1.FoundImage{{Image: "registry/pay:1.9", Containers: []string{"main"}, Digests: []string{"sha256:91f0"}, Pods: 3}},
	}
	found.Kind = v1alpha1.FoundKind
	version := &v1alpha1.Version{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "kubectl-fleet"}, Version: "v0.1.0", Commit: "abc",
		GoVersion: "go1.26.8", Platform: "linux/amd64", KubernetesClient: "v0.36.3",
	}
	version.Kind = v1alpha1.VersionKind
	comparison := &v1alpha1.Comparison{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"},
		Object: v1alpha1.ComparedObject{Group: "apps", Kind: "Deployment"}, Agree: true,
		Groups: []v1alpha1.ComparisonGroup{
			{Clusters: []string{"east", "west"}, Reference: true},
			{Clusters: []string{"apac"}, Differences: []v1alpha1.Difference{
				{Path: "spec.paused", Value: true},
				{Path: "spec.template.spec.initContainers", Reference: []any{"a", "b"}, Value: []any{"b", "a"}, Order: true},
			}},
			{Clusters: []string{"eu"}, Absent: true},
		},
	}
	comparison.Kind = v1alpha1.ComparisonKind
	change := &v1alpha1.MemberChange{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "east", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		Fleet: "prod", Change: v1alpha1.MemberUpdated, DryRun: "client",
		Before: &v1alpha1.Member{Name: "east", Context: "admin@east", Labels: map[string]string{"env": "test"}},
		After:  &v1alpha1.Member{Name: "east", Context: "admin@east", Labels: map[string]string{"env": "prod"}, Server: "https://east:6443", ClusterUID: "0c1e"},
	}
	change.Kind = v1alpha1.MemberChangeKind
	schedule := &v1alpha1.BackupSchedule{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Spec: v1alpha1.BackupScheduleSpec{
			Members: []v1alpha1.BackupMember{{Cluster: "east", Required: new(false), DependsOn: []string{"west"}, Velero: raw(`{"snapshotVolumes":false}`)}},
			Velero:  v1alpha1.VeleroTemplate{Namespace: "velero", Template: *raw(`{"includedNamespaces":["shop"]}`)}, MaxFreeze: seconds(90),
			Quiesce: []v1alpha1.QuiesceWave{{Actions: []v1alpha1.QuiesceAction{{
				Clusters: []string{"east"}, Timeout: seconds(10), Hard: true,
				Exec:  &v1alpha1.ExecAction{Namespace: "shop", Selector: "app=till", Container: "till", Freeze: []string{"hold"}, Release: []string{"go"}, Probe: []string{"is-held"}, Hold: "/run"},
				Scale: &v1alpha1.ScaleAction{Namespace: "shop", Kind: "Deployment", Name: "worker", To: 1},
				Patch: &v1alpha1.PatchAction{APIVersion: "postgresql.cnpg.io/v1", Kind: "Cluster", Namespace: "shop", Name: "pg", Freeze: raw(`{"spec":{"fenced":true}}`), Until: "{.status.fenced}", UntilValue: "true"},
			}}}},
			Canary:   &v1alpha1.CanaryCheck{Clusters: []string{"east"}, Namespace: "shop", Selector: "app=till", Container: "till", Write: []string{"write"}, Read: []string{"read"}},
			Probes:   []v1alpha1.RestoreProbe{{Clusters: []string{"east"}, Namespace: "shop", Selector: "app=till", Container: "till", Command: []string{"works"}, Timeout: seconds(60)}},
			External: []string{"kafka.example.org"}, Cron: "@daily", TimeZone: "Europe/Paris", Retention: 7, MinimumGrade: v1alpha1.GradeQuiesced,
		},
	}
	schedule.Kind = v1alpha1.BackupScheduleKind
	execution := &v1alpha1.BackupExecution{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "shop-k3x9"},
		Spec: v1alpha1.BackupExecutionSpec{Policy: *schedule, PolicyHash: "5f", By: "ops@bastion", Version: "v0.1.0"},
		Status: v1alpha1.BackupExecutionStatus{
			Phase: v1alpha1.BackupSealed, Started: at, At: at, Sealed: at, Expires: at, Grade: v1alpha1.GradeTorn, Complete: true, Why: []string{"its deadman fired"},
			BarrierWidthMillis: new(int64(700)), CutSpanMillis: new(int64(1800)), FrozenMillis: new(int64(9400)), Canary: "k3x9",
			Members: []v1alpha1.MemberExecution{{
				Cluster: "east", UID: "0c1e", Required: true, Missing: "its Backup is Failed", KubernetesVersion: "v1.36.3", VeleroVersion: "v1.18.3", VeleroNamespace: "velero",
				Location: v1alpha1.StorageLocation{Name: "default", Provider: "aws", Bucket: "b", Prefix: "east"},
				Backup:   v1alpha1.MemberBackup{Name: "fb-shop-k3x9-east", UID: "1f", Phase: "Failed", Reason: "no space", Items: 411, Total: 412, Unselected: true, Errors: 1, Warnings: 2, Expires: at},
				Volumes:  []v1alpha1.BackupVolume{{Namespace: "shop", Claim: "data", StorageClass: "fast", Driver: "ebs.csi.aws.com", Method: "CSI", Handle: "snap-1", Moved: true, Skipped: "no"}},
				Holds: []v1alpha1.Hold{{
					Wave: 1, Action: 2, Namespace: "shop", Name: "till-0", UID: "2f", Container: "till", ContainerID: "containerd://3f", Restarts: 1, Path: "/run/k3x9", TTLSeconds: 120,
					ArmedMillis: new(int64(10)), Before: raw(`{"spec":{"replicas":3}}`), State: v1alpha1.HoldBroken, Why: "its deadman fired",
				}},
				Unheld: "pod shop/till-1 runs", Canary: true, CutBy: "Phase", ClockOffsetMillis: new(int64(-3)),
				Instants: v1alpha1.BackupInstants{Armed: new(int64(1)), Quiet: new(int64(2)), Asked: new(int64(3)), Cut: new(int64(4)), Release: new(int64(5)), Released: new(int64(6))},
			}},
		},
	}
	execution.Kind = v1alpha1.BackupExecutionKind
	restore := &v1alpha1.RestoreExecution{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "shop-k3x9"},
		Spec: v1alpha1.RestoreExecutionSpec{
			Set: "shop-k3x9", Grade: v1alpha1.GradeQuiesced, Purpose: v1alpha1.RestoreForDrill, LeftOut: []string{"west"},
			Members: []v1alpha1.RestoreMember{{
				Source: "east", SourceUID: "0c1e", Target: "west", TargetUID: "1c1e", Wave: 1, DependsOn: []string{"apac"}, Backup: "fb-shop-k3x9-east",
				Location: execution.Status.Members[0].Location, VeleroNamespace: "velero", Namespaces: []string{"shop"},
				Volumes: execution.Status.Members[0].Volumes, Canary: true, KubernetesVersion: "v1.36.3",
			}},
			NamespaceMappings: map[string]string{"shop": "drill"}, StorageClassMappings: map[string]string{"fast": "slow"}, ExistingResources: "none",
			Canary: schedule.Spec.Canary, CanaryWord: "k3x9", Probes: schedule.Spec.Probes, By: "ops@bastion", Version: "v0.1.0",
		},
		Status: v1alpha1.RestoreExecutionStatus{
			Phase: v1alpha1.RestoreFailed, Started: at, Ended: at, RTOMillis: new(int64(90000)), CanaryMatches: new(false), Cleaned: true,
			Members: []v1alpha1.RestoreProgress{{
				Source: "east", Target: "west", Phase: v1alpha1.RestoreFailed, Why: "it is PartiallyFailed",
				Restore: v1alpha1.MemberRestore{Name: "fr-shop-k3x9-east", UID: "4f", Phase: "PartiallyFailed", Reason: "no room", Items: 411, Total: 412, Errors: 1, Warnings: 2, ErrorTexts: []string{"no"}},
				Objects: 411, Canary: "k3x8", Stages: []v1alpha1.RestoreStage{{Name: "Restore", Millis: 4000}},
			}},
		},
	}
	restore.Kind = v1alpha1.RestoreExecutionKind
	restoreChange := &v1alpha1.RestoreChange{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "till", Namespace: "shop", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "west"}},
		Source: "east", Object: v1alpha1.FoundObject{APIVersion: "apps/v1", Kind: "Deployment"}, Change: "Differs", Why: "it stays as it is", Paths: []string{"spec.replicas"},
	}
	restoreChange.Kind = v1alpha1.RestoreChangeKind
	backupCheck := &v1alpha1.BackupCheck{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "shop-k3x9", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		Backup: "fb-shop-k3x9-east", Phase: "Completed", Items: 412, Expires: at, Location: "default", Problems: []string{"it has expired"}, Unknown: []string{"its store"},
	}
	backupCheck.Kind = v1alpha1.BackupCheckKind
	preflight := &v1alpha1.BackupPreflight{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		Required: true, Ready: true,
		Refusals:   []v1alpha1.BackupFinding{{Check: "Location", Message: "location default is Unavailable", Fix: "mend the store"}},
		Warnings:   []v1alpha1.BackupFinding{{Check: "Velero", Message: "its Velero is v1.17.0"}},
		ClusterUID: "0c1e", KubernetesVersion: "v1.36.3", VeleroVersion: "v1.18.3", VeleroNamespace: "velero", Location: execution.Status.Members[0].Location,
		Volumes: execution.Status.Members[0].Volumes, Holds: execution.Status.Members[0].Holds, CutSeconds: 15, MaxFreezeSeconds: 90, ClockOffsetMillis: new(int64(-3)),
	}
	preflight.Kind = v1alpha1.BackupPreflightKind
	deletion := &v1alpha1.BackupDeletion{
		TypeMeta: meta, ObjectMeta: metav1.ObjectMeta{Name: "shop-k3x9", Annotations: map[string]string{v1alpha1.ClusterAnnotation: "east"}},
		Backups: []string{"fb-shop-k3x9-east"}, Forgotten: true,
	}
	deletion.Kind = v1alpha1.BackupDeletionKind
	all := map[string]any{
		"BackupDeletion":   deletion,
		"BackupPreflight":  preflight,
		"BackupSchedule":   schedule,
		"BackupExecution":  execution,
		"RestoreExecution": restore,
		"RestoreChange":    restoreChange,
		"BackupCheck":      backupCheck,
		"BudgetState":      budgetState,
		"PoolPlan":         poolPlan,
		"ScalePlan":        scalePlan,
		"ScaleRun":         scaleRun,
		"Cluster":          cluster,
		"Consumption":      consumption,
		"EventGroup":       events,
		"Found":            found,
		"Comparison":       comparison,
		"MemberChange":     change,
		"Version":          version,
		"Failure":          &v1alpha1.Failure{Cluster: "west", Reason: "Timeout", Message: "no answer", Rows: 500},
		"FleetConfig": &v1alpha1.FleetConfig{
			APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.FleetConfigKind, CurrentFleet: "prod",
			Fleets: []v1alpha1.Fleet{{Name: "prod", Members: []v1alpha1.Member{{
				Name: "east", Context: "admin@east", Labels: map[string]string{"env": "prod"}, Server: "https://east:6443", ClusterUID: "0c1e",
			}}}},
		},
	}
	maps.Copy(all, kindsOfSets())
	return all
}

// The encoded form is the contract with scripts: it does not change within a
// version.
func TestGolden(t *testing.T) {
	for name, value := range kinds() {
		path := filepath.Join("testdata", name+".json")
		got, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is written can be read back, strictly, from JSON and from YAML.
func TestRoundTrip(t *testing.T) {
	for name, value := range kinds() {
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(value).Elem()).Interface()
		if err := yaml.UnmarshalStrict(text, back); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(value, back, cmp.Comparer(func(a, b metav1.Time) bool { return a.Equal(&b) })); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
	}
}
