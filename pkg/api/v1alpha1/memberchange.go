package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MemberChangeKind is the kind of what a command changes of a fleet.
const MemberChangeKind = "MemberChange"

// MemberChange is what join, unjoin or label does to one member of a fleet.
type MemberChange struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the member name.
	metav1.ObjectMeta `json:"metadata"`

	// Fleet is the fleet that the member belongs to.
	Fleet string `json:"fleet"`
	// Change is one of the constants below.
	Change string `json:"change"`
	// DryRun is client or server where nothing was written.
	DryRun string `json:"dryRun,omitempty"`
	// Before is the entry in the fleet file as it was; nil if there was none.
	Before *Member `json:"before,omitempty"`
	// After is the entry as it is now; nil if there is none.
	After *Member `json:"after,omitempty"`
}

// The values of MemberChange.Change.
const (
	// MemberJoins: it was no member.
	MemberJoins = "Join"
	// MemberUpdated: it is a member, and what the file says of it is not the
	// same as before.
	MemberUpdated = "Update"
	// MemberLeaves: it is a member no more.
	MemberLeaves = "Unjoin"
	// MemberUnchanged: all is as it should be.
	MemberUnchanged = "Unchanged"
)
