package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PropagationKind is the kind of what propagating does to one cluster.
const PropagationKind = "Propagation"

// Propagation is what happens, or happened, to a set in one cluster.
type Propagation struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the set's name. The cluster is an annotation.
	metav1.ObjectMeta `json:"metadata"`

	// Via is direct, or karmada=CONTEXT.
	Via string `json:"via"`
	// Revision is the set's in the cluster; 0 where it has none yet.
	Revision int `json:"revision,omitempty"`
	// Restores is the revision that this one has brought back, 0 being what was there before
	// the set; absent where it brings something new.
	Restores *int `json:"restores,omitempty"`
	// Wave is the number of the wave in which the cluster has its turn; 0 where all
	// have theirs together.
	Wave int `json:"wave,omitempty"`
	// EmptyWaves are the steps of --waves after this wave that are none of their own: as
	// many clusters as they say have had their turn by then.
	EmptyWaves []string `json:"emptyWaves,omitempty"`
	// DryRun is client or server where nothing was written.
	DryRun string `json:"dryRun,omitempty"`
	// Phase is one of the constants below.
	Phase string `json:"phase"`
	// Health is how the objects are, such as "current 3/3".
	Health string `json:"health,omitempty"`
	// Message says why, where the phase does not.
	Message string `json:"message,omitempty"`
	// Left are the objects that stay in a cluster that was brought back.
	Left []string `json:"left,omitempty"`
	// Replicas are this cluster's parts of workloads whose replicas are divided.
	Replicas []ReplicaShare `json:"replicas,omitempty"`
	// Overrides counts the fields that overrides make different in this cluster.
	Overrides int `json:"overrides,omitempty"`
	// Overridden are these fields.
	Overridden []OverriddenField `json:"overridden,omitempty"`
	// Changes are what happens to each object, in the order in which it does; in a cluster
	// that was brought back, what that did.
	Changes []ObjectChange `json:"changes"`
}

// The values of Propagation.Phase.
const (
	// PropagationPlanned: nothing was written.
	PropagationPlanned = "Planned"
	// PropagationPending: kept in the cluster, and not begun.
	PropagationPending = "Pending"
	// PropagationApplied: all is written, and nobody waited for it.
	PropagationApplied = "Applied"
	// PropagationDone: all is written, and healthy.
	PropagationDone = "Done"
	// PropagationUnchanged: all was as it should be.
	PropagationUnchanged = "Unchanged"
	// PropagationFailed: a write failed, or what was written is not healthy.
	PropagationFailed = "Failed"
	// PropagationRolledBack: it failed somewhere, and this cluster has again what it
	// had.
	PropagationRolledBack = "RolledBack"
	// PropagationWithdrawn: nothing of the set is left.
	PropagationWithdrawn = "Withdrawn"
)

// OverriddenField is a field that an override makes different in a cluster.
type OverriddenField struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Field is a JSON pointer, and Value what is there in the cluster. What Secrets hold
	// is hashed.
	Field string `json:"field"`
	Value any    `json:"value"`
}

// ObjectChange is what happens to one object.
type ObjectChange struct {
	// Action is Create, Update, Apply, Unchanged, Delete, Release or Keep, and by a control
	// plane Reschedule or ActionBring.
	Action     string `json:"action"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Untried: no server was asked whether it would take it.
	Untried bool   `json:"untried,omitempty"`
	Why     string `json:"why,omitempty"`
	// Differences are what changes in an object that is there: Reference is
	// before, Value after. What Secrets hold is hashed.
	Differences []Difference `json:"differences,omitempty"`
}

// ActionBring is what becomes of an object in the cluster by what a control plane is to
// bring there, beside what becomes of its template.
const ActionBring = "Bring"

// SetStatusKind is the kind that `status` prints.
const SetStatusKind = "SetStatus"

// SetStatus is how a set is in one cluster.
type SetStatus struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the set's name. The cluster is an annotation.
	metav1.ObjectMeta `json:"metadata"`

	// Revision is what is applied, or is being applied.
	Revision int `json:"revision"`
	// Restores is the revision that this one has brought back, 0 being what was there before
	// the set; absent where it brings something new.
	Restores *int `json:"restores,omitempty"`
	// Pending is the revision that waits for its turn; 0 if none does.
	Pending int `json:"pending,omitempty"`
	// Phase is that of the last run: Pending, Applying, Gating, Done, PropagationFailed where
	// it ended before its end, whatever ended it, or PropagationRolledBack where it brought
	// back what was there before the set.
	Phase string `json:"phase"`
	// By is who began the last run, as USER@HOST, and Started when.
	By      string `json:"by,omitempty"`
	Started string `json:"started,omitempty"`
	// Kept are the revisions that rollback --to-revision can bring back.
	Kept []int `json:"kept,omitempty"`
	// Objects counts those of the set, and Current those that are as their spec
	// says.
	Objects int `json:"objects"`
	Current int `json:"current"`
	// Waiting is what is not current, each with what its status says.
	Waiting []string `json:"waiting,omitempty"`
	// ReadyReplicas and Replicas are those of its workloads.
	ReadyReplicas int64 `json:"readyReplicas"`
	Replicas      int64 `json:"replicas"`
	// Drifted are the objects that are no longer as the set applied them.
	Drifted []DriftedObject `json:"drifted,omitempty"`
	// Left are the objects that the set has no longer, and that are there still.
	Left []string `json:"left,omitempty"`
	// DriftUnknown is why nobody can say what has drifted.
	DriftUnknown string `json:"driftUnknown,omitempty"`
}

// DriftedObject is an object that is no longer as it was applied.
type DriftedObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Gone: somebody deleted it, or took it out of the set.
	Gone bool `json:"gone,omitempty"`
	// Differences are the fields: Reference is what was applied, Value what is. What
	// Secrets hold is hashed.
	Differences []Difference `json:"differences,omitempty"`
}
