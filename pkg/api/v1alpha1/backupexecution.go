package v1alpha1

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// BackupExecutionKind is the kind of a run of `kubectl fleetbackup create`.
const BackupExecutionKind = "BackupExecution"

// BackupExecution is a run: first the journal that each member keeps of it, with what
// concerns that member; in the end the manifest, with everything, in all of them. Its
// name is the set's.
type BackupExecution struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   BackupExecutionSpec   `json:"spec"`
	Status BackupExecutionStatus `json:"status"`
}

// BackupExecutionSpec is what was to be done.
type BackupExecutionSpec struct {
	// Policy is what it was begun with, complete.
	Policy BackupSchedule `json:"policy"`
	// PolicyHash is over Policy's spec.
	PolicyHash string `json:"policyHash"`
	// By is who began it, as USER@HOST, and Version with which plugin.
	By      string `json:"by,omitempty"`
	Version string `json:"version,omitempty"`
}

// BackupGrade is how much a set can be relied on.
type BackupGrade string

// The grades, from the best. A torn one is no better than independent ones, but
// something else was asked for.
const (
	GradeQuiesced    BackupGrade = "Quiesced"
	GradeAligned     BackupGrade = "Aligned"
	GradeIndependent BackupGrade = "Independent"
	GradeTorn        BackupGrade = "Torn"
)

// BackupPhase is how far a run has come.
type BackupPhase string

// The phases of a run, in their order. What is written is what is about to be done.
const (
	// BackupFreezing: its holds are armed and frozen.
	BackupFreezing BackupPhase = "Freezing"
	// BackupCutting: its Backup is asked for, and its cut awaited.
	BackupCutting BackupPhase = "Cutting"
	// BackupReleasing: its holds are released.
	BackupReleasing BackupPhase = "Releasing"
	// BackupFinishing: nothing is held, and Velero goes on.
	BackupFinishing BackupPhase = "Finishing"
	// BackupSealed: it is a set, of whatever grade.
	BackupSealed BackupPhase = "Sealed"
	// BackupAborted: everything was released, and there is no set.
	BackupAborted BackupPhase = "Aborted"
)

// BackupExecutionStatus is how far a run has come, and what it is worth.
type BackupExecutionStatus struct {
	Phase   BackupPhase `json:"phase"`
	Started metav1.Time `json:"started,omitzero"`
	// At is the point in time that the set is of, by the clock of who made it: when all
	// was still, or when all Backups were about to be asked for. Nothing is proved by it.
	At metav1.Time `json:"at,omitzero"`
	// Sealed is when it became a set.
	Sealed metav1.Time `json:"sealed,omitzero"`
	// Expires is when Velero deletes the first of its Backups.
	Expires metav1.Time `json:"expires,omitzero"`
	// Grade and what follows are empty before it is sealed.
	Grade BackupGrade `json:"grade,omitempty"`
	// Covers is what the grade is of: empty for all that is in the Backups; Volumes if it
	// is of their data alone in some member.
	Covers BackupCut `json:"covers,omitempty"`
	// Complete: no member is missing, and no volume.
	Complete bool `json:"complete,omitempty"`
	// Why are sentences: why the grade is not better, and who is missing.
	Why []string `json:"why,omitempty"`
	// BarrierWidthMillis is from the first member that was quiet to the last.
	BarrierWidthMillis *int64 `json:"barrierWidthMillis,omitempty"`
	// CutSpanMillis is from the first Backup that was asked for to the last cut.
	CutSpanMillis *int64 `json:"cutSpanMillis,omitempty"`
	// FrozenMillis is the longest that anything was held still.
	FrozenMillis *int64 `json:"frozenMillis,omitempty"`
	// Canary is the word that was written while everything was still.
	Canary  string            `json:"canary,omitempty"`
	Members []MemberExecution `json:"members"`
}

// MemberExecution is the part of one cluster.
type MemberExecution struct {
	Cluster string `json:"cluster"`
	// UID is that of the cluster's namespace kube-system.
	UID      types.UID `json:"uid"`
	Required bool      `json:"required"`
	// Missing is why it is not in the set.
	Missing           string          `json:"missing,omitempty"`
	KubernetesVersion string          `json:"kubernetesVersion,omitempty"`
	VeleroVersion     string          `json:"veleroVersion,omitempty"`
	VeleroNamespace   string          `json:"veleroNamespace"`
	Location          StorageLocation `json:"location,omitzero"`
	Backup            MemberBackup    `json:"backup"`
	// Volumes are the claims of preflight, and what became of each.
	Volumes []BackupVolume `json:"volumes,omitempty"`
	Holds   []Hold         `json:"holds,omitempty"`
	// Unheld is what ran when the cut was over, and nobody held; or why that is not known.
	Unheld string `json:"unheld,omitempty"`
	// Canary: the set's word was written here.
	Canary bool `json:"canary,omitempty"`
	// Instants are by the run's clock.
	Instants BackupInstants `json:"instants,omitzero"`
	// CutBy is by which sign the cut was known to be over.
	CutBy CutSign `json:"cutBy,omitempty"`
	// Uncut is why that is not known, or not believed any more.
	Uncut string `json:"uncut,omitempty"`
	// ClockOffsetMillis is what the cluster's clock was ahead by. Only when Backups expire is
	// told with it.
	ClockOffsetMillis *int64 `json:"clockOffsetMillis,omitempty"`
}

// Expires is when its Velero deletes a Backup, by the clock of whoever made the set: the
// cluster's own may be an hour off.
func (m *MemberExecution) Expires(by metav1.Time) metav1.Time {
	if by.IsZero() || m.ClockOffsetMillis == nil {
		return by
	}
	return metav1.NewTime(by.Add(-time.Duration(*m.ClockOffsetMillis) * time.Millisecond))
}

// CutSign is by what a cut was known to be over.
type CutSign string

// The signs of a cut.
const (
	// CutByPhase: the Backup has left InProgress.
	CutByPhase CutSign = "Phase"
	// CutByVolumes: every volume's snapshot had a handle.
	CutByVolumes CutSign = "Volumes"
)

// StorageLocation is where a member's Velero writes.
type StorageLocation struct {
	Name     string `json:"name"`
	Provider string `json:"provider,omitempty"`
	Bucket   string `json:"bucket,omitempty"`
	Prefix   string `json:"prefix,omitempty"`
}

func (l StorageLocation) String() string {
	return fmt.Sprintf("bucket %s, prefix %q", l.Bucket, l.Prefix)
}

// MemberBackup is a Backup of Velero's.
type MemberBackup struct {
	Name string    `json:"name"`
	UID  types.UID `json:"uid,omitempty"`
	// Phase is Velero's.
	Phase  string `json:"phase,omitempty"`
	Reason string `json:"reason,omitempty"`
	Items  int    `json:"items,omitempty"`
	Total  int    `json:"total,omitempty"`
	// Unselected: it has nothing but Namespaces, and was to have what a selector finds.
	Unselected bool        `json:"unselected,omitempty"`
	Errors     int         `json:"errors,omitempty"`
	Warnings   int         `json:"warnings,omitempty"`
	Expires    metav1.Time `json:"expires,omitzero"`
}

// BackupVolume is a PersistentVolumeClaim within a Backup.
type BackupVolume struct {
	Namespace    string `json:"namespace"`
	Claim        string `json:"claim"`
	StorageClass string `json:"storageClass,omitempty"`
	Driver       string `json:"driver,omitempty"`
	// Method is how Velero takes it: CSI, Native, FileSystem or None.
	Method string `json:"method"`
	// Handle is the snapshot's, at the storage.
	Handle string `json:"handle,omitempty"`
	// Taken is when it was taken, by the storage's own clock. Nothing depends on it.
	Taken metav1.MicroTime `json:"taken,omitzero"`
	// Moved: its data are copied to the location afterwards.
	Moved   bool   `json:"moved,omitempty"`
	Skipped string `json:"skipped,omitempty"`
}

// HoldState is what is known of a hold.
type HoldState string

// The states of a hold, in their order.
const (
	// HoldPlanned: nothing was done yet, or nothing is known of it.
	HoldPlanned HoldState = "Planned"
	// HoldArmed: its deadman counts.
	HoldArmed HoldState = "Armed"
	// HoldFrozen: it is still, and its deadman counts.
	HoldFrozen HoldState = "Frozen"
	// HoldReleased: it said that we, and nobody else, have ended it.
	HoldReleased HoldState = "Released"
	// HoldBroken: it is not still any more, and we are not who ended it.
	HoldBroken HoldState = "Broken"
)

// Hold is one container or object that is held still.
type Hold struct {
	// Wave and Action are its place in the policy, from 0.
	Wave   int `json:"wave"`
	Action int `json:"action"`
	// Namespace and Name are the pod's, or the object's.
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
	// Container, ContainerID and Restarts are for a pod.
	Container   string `json:"container,omitempty"`
	ContainerID string `json:"containerID,omitempty"`
	Restarts    int32  `json:"restarts,omitempty"`
	// Path is the hold's folder in the container.
	Path string `json:"path,omitempty"`
	// TTLSeconds is what its deadman counts; 0: it has none.
	TTLSeconds int `json:"ttlSeconds,omitempty"`
	// ArmedMillis is before it was asked to be armed, by the run's clock.
	ArmedMillis *int64 `json:"armedMillis,omitempty"`
	// Before is what Scale or Patch changes, as it was.
	Before *runtime.RawExtension `json:"before,omitempty"`
	State  HoldState             `json:"state"`
	// Why it is broken, or not released.
	Why string `json:"why,omitempty"`
}

// BackupInstants are milliseconds since the run began, on a clock that goes on while
// the machine sleeps (CLOCK_BOOTTIME).
type BackupInstants struct {
	// Armed is before the first of its holds was asked for.
	Armed *int64 `json:"armed,omitempty"`
	// Quiet is after the last of its holds was known to be still.
	Quiet *int64 `json:"quiet,omitempty"`
	// Asked is before its Backup was asked for.
	Asked *int64 `json:"asked,omitempty"`
	// Cut is after its cut was known to be over.
	Cut *int64 `json:"cut,omitempty"`
	// Release is before the first of its holds was asked to be released.
	Release *int64 `json:"release,omitempty"`
	// Released is after the last of them was known to be.
	Released *int64 `json:"released,omitempty"`
}
