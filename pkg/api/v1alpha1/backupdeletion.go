package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BackupDeletionKind is the kind of what `kubectl fleetbackup delete` has done.
const BackupDeletionKind = "BackupDeletion"

// BackupDeletion is what was deleted of a set in one cluster, which is an annotation. Its
// name is the set's.
type BackupDeletion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Backups are the names of those that are gone, or that a dry run would delete.
	Backups []string `json:"backups"`
	// Forgotten: the cluster does not remember the set any more.
	Forgotten bool `json:"forgotten"`
}
