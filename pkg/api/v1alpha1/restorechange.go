package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RestoreChangeKind is the kind that `kubectl fleetbackup restore --preview` prints.
const RestoreChangeKind = "RestoreChange"

// RestoreChange is what a restore would do with one object of a backup.
type RestoreChange struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the namespace and name that it gets. The target is an annotation.
	metav1.ObjectMeta `json:"metadata"`

	// Source is the cluster that was backed up.
	Source string      `json:"source"`
	Object FoundObject `json:"object"`
	// Change is Create, Same, Differs (it is there, and stays as it is), Patch, Exists
	// (it is there, and was not compared), Skip, APIMissing or StorageClassMissing.
	Change string `json:"change"`
	Why    string `json:"why,omitempty"`
	// Paths are the fields in which it differs. Values are not shown.
	Paths []string `json:"paths,omitempty"`
}

// BackupCheckKind is the kind that `kubectl fleetbackup verify` prints.
const BackupCheckKind = "BackupCheck"

// BackupCheck is what is left of one member of a set.
type BackupCheck struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the set's name. The cluster is an annotation.
	metav1.ObjectMeta `json:"metadata"`

	Backup string `json:"backup"`
	// Phase is Velero's.
	Phase   string      `json:"phase,omitempty"`
	Items   int         `json:"items,omitempty"`
	Expires metav1.Time `json:"expires,omitzero"`
	// Location is the BackupStorageLocation that it is at.
	Location string `json:"location,omitempty"`
	// Problems are why it cannot be relied on; none: it can.
	Problems []string `json:"problems,omitempty"`
	// Unknown is what could not be looked at.
	Unknown []string `json:"unknown,omitempty"`
}
