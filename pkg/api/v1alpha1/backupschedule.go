package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// BackupScheduleKind is the kind of a policy file of `kubectl fleetbackup`.
const BackupScheduleKind = "BackupSchedule"

// BackupSchedule is how an application that spans clusters is backed up: a file, and
// part of every run that it led to. Its name is the application's, and the prefix of
// its sets' names.
type BackupSchedule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec BackupScheduleSpec `json:"spec"`
}

// BackupScheduleSpec is the policy itself.
type BackupScheduleSpec struct {
	// Members are the clusters that the application runs in.
	Members []BackupMember `json:"members"`
	Velero  VeleroTemplate `json:"velero"`
	// MaxFreeze bounds how long anything is held still; 90 s unless set. The deadman of
	// a hold ends it half a minute later, whatever has become of us.
	MaxFreeze metav1.Duration `json:"maxFreeze,omitzero"`
	// Cut is what is cut while all is still: Backup, all that is in it, unless set; or
	// Volumes, their data alone.
	Cut BackupCut `json:"cut,omitempty"`
	// Quiesce are waves of actions, released in reverse. Without any, nothing is held
	// still, and a set is aligned at best.
	Quiesce []QuiesceWave `json:"quiesce,omitempty"`
	// Canary is written while everything is still, and read after a restore.
	Canary *CanaryCheck `json:"canary,omitempty"`
	// Probes say whether the application works after a restore.
	Probes []RestoreProbe `json:"probes,omitempty"`
	// External are channels that no barrier covers, such as a queue elsewhere. They are
	// said again in the manifest.
	External []string `json:"external,omitempty"`
	// Cron is when `schedule run-due` makes a set: five fields, or @daily and its like.
	Cron string `json:"cron,omitempty"`
	// TimeZone is that of Cron; UTC unless set.
	TimeZone string `json:"timeZone,omitempty"`
	// Retention is how many sets of this name `schedule run-due` keeps; 0: Velero's ttl
	// alone counts.
	Retention int `json:"retention,omitempty"`
	// MinimumGrade is what a restore accepts without being told otherwise; Quiesced
	// where there is something to quiesce, else Aligned.
	MinimumGrade BackupGrade `json:"minimumGrade,omitempty"`
}

// BackupCut is what must be cut before anything is released.
type BackupCut string

// What is cut while all is still.
const (
	// CutBackup is all that is in a Backup: it has left InProgress.
	CutBackup BackupCut = "Backup"
	// CutVolumes is the data of the volumes: each claim that preflight found has a
	// snapshot with a handle, and nothing else has. Velero goes on to read objects after
	// that. What is no snapshot, or another one, is cut as the Backup is.
	CutVolumes BackupCut = "Volumes"
)

// BackupMember is one cluster of the application.
type BackupMember struct {
	// Cluster is its name in the fleet.
	Cluster string `json:"cluster"`
	// Required: there is no set without it. True unless set.
	Required *bool `json:"required,omitempty"`
	// DependsOn are members that are restored, and ready, before this one.
	DependsOn []string `json:"dependsOn,omitempty"`
	// Velero changes fields of the policy's template for this member, as a JSON merge
	// patch (RFC 7386) of it.
	Velero *runtime.RawExtension `json:"velero,omitempty"`
}

// VeleroTemplate is what is asked of the Velero of each member.
type VeleroTemplate struct {
	// Namespace is where Velero runs; "velero" unless set.
	Namespace string `json:"namespace,omitempty"`
	// Template is the spec of each Backup (velero.io/v1). defaultVolumesToFsBackup is
	// false unless set.
	Template runtime.RawExtension `json:"template"`
}

// QuiesceWave are actions that are taken side by side. The next wave waits for all.
type QuiesceWave struct {
	Actions []QuiesceAction `json:"actions"`
}

// QuiesceAction holds something still. It has one of Exec, Scale and Patch.
type QuiesceAction struct {
	// Clusters are the members that it is for; all of them unless set.
	Clusters []string     `json:"clusters,omitempty"`
	Exec     *ExecAction  `json:"exec,omitempty"`
	Scale    *ScaleAction `json:"scale,omitempty"`
	Patch    *PatchAction `json:"patch,omitempty"`
	// Timeout bounds each of its commands; 30 s unless set.
	Timeout metav1.Duration `json:"timeout,omitzero"`
	// Hard: what is stored cannot change while it holds. If all actions are hard, each
	// member is released when its own cut is over.
	Hard bool `json:"hard,omitempty"`
}

// ExecAction runs commands in a container of every running pod that it selects.
type ExecAction struct {
	Namespace string `json:"namespace"`
	// Selector is a label selector of pods. It must find one.
	Selector string `json:"selector"`
	// Container is where the commands run: the pod's first unless set. A sidecar will do
	// where the application's image has no shell.
	Container string   `json:"container,omitempty"`
	Freeze    []string `json:"freeze"`
	// Release must be harmless where nothing is held still: it may be run twice.
	Release []string `json:"release"`
	// Probe ends with 0 while it is held still, and with another code before and after.
	Probe []string `json:"probe,omitempty"`
	// Hold is a folder that can be written, where the deadman keeps its word; /dev/shm
	// or /tmp unless set.
	Hold string `json:"hold,omitempty"`
}

// ScaleAction scales a workload, and back to what it was.
type ScaleAction struct {
	Namespace string `json:"namespace"`
	// Kind is Deployment, StatefulSet or ReplicaSet.
	Kind string `json:"kind"`
	Name string `json:"name"`
	To   int32  `json:"to"`
}

// PatchAction patches an object, such as a database operator's that fences.
type PatchAction struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Freeze is a JSON merge patch (RFC 7386). What it changes is put back as it was.
	Freeze *runtime.RawExtension `json:"freeze"`
	// Until is a JSONPath in braces whose text must be UntilValue before the hold counts.
	Until      string `json:"until,omitempty"`
	UntilValue string `json:"untilValue,omitempty"`
}

// CanaryCheck proves that all members were restored from one point: the same word
// is written into each while all is still, and read again after a restore.
type CanaryCheck struct {
	Clusters  []string `json:"clusters,omitempty"`
	Namespace string   `json:"namespace"`
	Selector  string   `json:"selector"`
	Container string   `json:"container,omitempty"`
	// Write is given the word as its last argument.
	Write []string `json:"write"`
	// Read prints it.
	Read []string `json:"read"`
}

// RestoreProbe is a command that ends with 0 once the restored application works.
type RestoreProbe struct {
	Clusters  []string        `json:"clusters,omitempty"`
	Namespace string          `json:"namespace"`
	Selector  string          `json:"selector"`
	Container string          `json:"container,omitempty"`
	Command   []string        `json:"command"`
	Timeout   metav1.Duration `json:"timeout,omitzero"`
}
