package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BackupPreflightKind is the kind of what `kubectl fleetbackup preflight` finds.
const BackupPreflightKind = "BackupPreflight"

// BackupPreflight is whether one member of a policy can be backed up now, and what that
// takes. Its name is the policy's, and the cluster is an annotation.
type BackupPreflight struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Required: there is no set without it.
	Required bool `json:"required"`
	// Ready: nothing speaks against it.
	Ready bool `json:"ready"`
	// Refusals are what speaks against it.
	Refusals []BackupFinding `json:"refusals,omitempty"`
	// Warnings keep nobody from it.
	Warnings []BackupFinding `json:"warnings,omitempty"`
	// ClusterUID is the UID of the cluster's namespace kube-system.
	ClusterUID        types.UID       `json:"clusterUID,omitempty"`
	KubernetesVersion string          `json:"kubernetesVersion,omitempty"`
	VeleroVersion     string          `json:"veleroVersion,omitempty"`
	VeleroNamespace   string          `json:"veleroNamespace"`
	Location          StorageLocation `json:"location,omitzero"`
	Volumes           []BackupVolume  `json:"volumes,omitempty"`
	// Holds are what would be held still.
	Holds []Hold `json:"holds,omitempty"`
	// CutSeconds is how long its cut takes, by estimate.
	CutSeconds int `json:"cutSeconds"`
	// MaxFreezeSeconds is how long anything may be held still.
	MaxFreezeSeconds int `json:"maxFreezeSeconds"`
	// ClockOffsetMillis is what the cluster's clock is ahead by. Only when Backups expire is told
	// with it.
	ClockOffsetMillis *int64 `json:"clockOffsetMillis,omitempty"`
}

// BackupFinding is what a check has found in a member.
type BackupFinding struct {
	// Check is Rights, Velero, Location, Queue, Schedule, Holds, Namespaces, Selector,
	// Volumes, Budget, Runs or NotLookedAt.
	Check   string `json:"check"`
	Message string `json:"message"`
	// Fix is what a person can do about it.
	Fix string `json:"fix,omitempty"`
}
