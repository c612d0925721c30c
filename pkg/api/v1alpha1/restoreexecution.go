package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// RestoreExecutionKind is the kind of a run of `kubectl fleetbackup restore`, and of
// drill and migrate.
const RestoreExecutionKind = "RestoreExecution"

// RestoreExecution is a run by which one set is restored: the journal that each target
// keeps of it, and in the end the report. Its name is the run's.
type RestoreExecution struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   RestoreExecutionSpec   `json:"spec"`
	Status RestoreExecutionStatus `json:"status"`
}

// RestorePurpose is what a set is restored for.
type RestorePurpose string

// The purposes.
const (
	// RestoreForUse: what is restored stays.
	RestoreForUse RestorePurpose = "Restore"
	// RestoreForDrill: what is restored is looked at, and deleted.
	RestoreForDrill RestorePurpose = "Drill"
	// RestoreForMigration: the set was made for it.
	RestoreForMigration RestorePurpose = "Migrate"
)

// RestoreExecutionSpec is what was to be done.
type RestoreExecutionSpec struct {
	// Set is the one that is restored; Grade is its own, and Covers what that is of.
	Set     string         `json:"set"`
	Grade   BackupGrade    `json:"grade,omitempty"`
	Covers  BackupCut      `json:"covers,omitempty"`
	Purpose RestorePurpose `json:"purpose"`
	// Members are its parts, in their order.
	Members []RestoreMember `json:"members"`
	// LeftOut are members of the set that are not restored: the set has no backup of them,
	// or others were chosen.
	LeftOut []string `json:"leftOut,omitempty"`
	// NamespaceMappings are new names of namespaces, StorageClassMappings of
	// StorageClasses.
	NamespaceMappings    map[string]string `json:"namespaceMappings,omitempty"`
	StorageClassMappings map[string]string `json:"storageClassMappings,omitempty"`
	// ExistingResources is what becomes of objects that are there and differ: none
	// leaves them, update patches them.
	ExistingResources string `json:"existingResources"`
	// Canary is how the set's word, CanaryWord, is read.
	Canary     *CanaryCheck   `json:"canary,omitempty"`
	CanaryWord string         `json:"canaryWord,omitempty"`
	Probes     []RestoreProbe `json:"probes,omitempty"`
	// By is who began it, as USER@HOST, and Version with which plugin.
	By      string `json:"by,omitempty"`
	Version string `json:"version,omitempty"`
}

// RestoreMember is a part of a set, and where it is restored.
type RestoreMember struct {
	// Source is the cluster that was backed up, and SourceUID its own.
	Source    string    `json:"source"`
	SourceUID types.UID `json:"sourceUID,omitempty"`
	// Target is the cluster that it is restored into, and TargetUID its own.
	Target    string    `json:"target"`
	TargetUID types.UID `json:"targetUID,omitempty"`
	// Wave is its turn, from 1.
	Wave      int      `json:"wave"`
	DependsOn []string `json:"dependsOn,omitempty"`
	// Backup is Velero's, at Location.
	Backup   string          `json:"backup"`
	Location StorageLocation `json:"location"`
	// VeleroNamespace is where Velero runs in the target.
	VeleroNamespace string `json:"veleroNamespace"`
	// Namespaces are those of the Backup, where they are known.
	Namespaces []string `json:"namespaces,omitempty"`
	// Volumes are those of the Backup.
	Volumes []BackupVolume `json:"volumes,omitempty"`
	// Canary: the set's word was written in the source.
	Canary bool `json:"canary,omitempty"`
	// KubernetesVersion is the source's.
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
}

// RestorePhase is how far a member has come, or a run.
type RestorePhase string

// The phases, in their order. What is written is what is about to be done.
const (
	// RestoreWaiting: its wave has not come.
	RestoreWaiting RestorePhase = "Waiting"
	// RestoreRestoring: its Restore is asked for, and Velero is at work.
	RestoreRestoring RestorePhase = "Restoring"
	// RestoreStarting: what was restored is awaited.
	RestoreStarting RestorePhase = "Starting"
	// RestoreProbing: the policy's probes are run, and the canary's word is read.
	RestoreProbing RestorePhase = "Probing"
	// RestoreReady: it is restored, and works as far as was asked.
	RestoreReady RestorePhase = "Ready"
	// RestoreFailed: it will not be ready.
	RestoreFailed RestorePhase = "Failed"
	// RestoreSkipped: one that it depends on is not ready.
	RestoreSkipped RestorePhase = "Skipped"
)

// RestoreExecutionStatus is how far a run has come.
type RestoreExecutionStatus struct {
	// Phase is Restoring while anything is left to be done, then Ready or Failed.
	Phase   RestorePhase `json:"phase"`
	Started metav1.Time  `json:"started,omitzero"`
	Ended   metav1.Time  `json:"ended,omitzero"`
	// RTOMillis is from the run's begin until the last member was ready.
	RTOMillis *int64 `json:"rtoMillis,omitempty"`
	// CanaryMatches: every member that has the word has the set's.
	CanaryMatches *bool `json:"canaryMatches,omitempty"`
	// Cleaned: what a drill restored is deleted.
	Cleaned bool              `json:"cleaned,omitempty"`
	Members []RestoreProgress `json:"members"`
}

// RestoreProgress is how far a member has come.
type RestoreProgress struct {
	Source string       `json:"source"`
	Target string       `json:"target"`
	Phase  RestorePhase `json:"phase"`
	// Why it failed, or was skipped, or what it waits for.
	Why string `json:"why,omitempty"`
	// Restore is Velero's.
	Restore MemberRestore `json:"restore"`
	// Objects are how many were made and awaited.
	Objects int `json:"objects,omitempty"`
	// Kept is what was there before, and is not as it was backed up.
	Kept *RestoreKept `json:"kept,omitempty"`
	// Canary is the word that was read.
	Canary string `json:"canary,omitempty"`
	// Stages say what took how long.
	Stages []RestoreStage `json:"stages,omitempty"`
}

// RestoreKept is what a member had before it was restored, and has kept: what is there now
// is not the set's.
type RestoreKept struct {
	// Objects are how many there are, and Names the first of them.
	Objects int      `json:"objects,omitempty"`
	Names   []string `json:"names,omitempty"`
	// Unknown is why it cannot be said which objects differ.
	Unknown string `json:"unknown,omitempty"`
}

// MemberRestore is a Restore of Velero's.
type MemberRestore struct {
	Name string    `json:"name"`
	UID  types.UID `json:"uid,omitempty"`
	// Phase is Velero's.
	Phase    string `json:"phase,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Items    int    `json:"items,omitempty"`
	Total    int    `json:"total,omitempty"`
	Errors   int    `json:"errors,omitempty"`
	Warnings int    `json:"warnings,omitempty"`
	// ErrorTexts are the first errors, as Velero keeps them beside the backup.
	ErrorTexts []string `json:"errorTexts,omitempty"`
}

// RestoreStage is a part of a member's way: Restore, Start or Probe.
type RestoreStage struct {
	Name   string `json:"name"`
	Millis int64  `json:"millis"`
}
