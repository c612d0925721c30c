package set

import (
	"fmt"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// Count notes what became of a member's volumes, by Velero's list of them. One that is
// not in it was not taken. One that preflight had not found is added.
//
// If handles were the sign of the cut, they must be those of the list, and all of them:
// what has another, or was not known, was cut at another time, and so the time of the
// cut is not known.
func Count(m *v1alpha1.MemberExecution, taken []v1alpha1.BackupVolume) {
	rest := slices.Clone(taken)
	for i := range m.Volumes {
		v := &m.Volumes[i]
		at := slices.IndexFunc(rest, func(t v1alpha1.BackupVolume) bool { return t.Namespace == v.Namespace && t.Claim == v.Claim })
		if at < 0 {
			v.Skipped = "Velero did not take it"
			continue
		}
		t := rest[at]
		rest = slices.Delete(rest, at, at+1)
		// The handle of what was moved is another's, of what was copied.
		if m.CutBy == v1alpha1.CutByVolumes && !t.Moved && t.Handle != v.Handle {
			uncut(m, fmt.Sprintf("the snapshot of %s/%s is not the one that was seen", v.Namespace, v.Claim))
		}
		if t.Handle == "" {
			t.Handle = v.Handle
		}
		if t.Taken.IsZero() || !v.Taken.IsZero() { // what was seen is more exact
			t.Taken = v.Taken
		}
		v.Method, v.Handle, v.Taken, v.Moved, v.Skipped = t.Method, t.Handle, t.Taken, t.Moved, t.Skipped
	}
	for _, t := range rest {
		if m.CutBy == v1alpha1.CutByVolumes {
			uncut(m, fmt.Sprintf("volume %s/%s has come after preflight", t.Namespace, t.Claim))
		}
		if t.Claim != "" {
			m.Volumes = append(m.Volumes, t)
		}
	}
}

// uncut takes back that the end of a cut is known.
func uncut(m *v1alpha1.MemberExecution, why string) {
	m.Instants.Cut, m.Uncut = nil, why
}

// Uncounted notes what is known of a member's volumes where Velero's list of them cannot
// be read, for a reason: each that was to be a snapshot is one, if there are as many. Of
// the others nothing is known, and what is not known did not happen.
func Uncounted(m *v1alpha1.MemberExecution, snapshots int, why error) {
	isSnapshot := func(v v1alpha1.BackupVolume) bool { return v.Method == velero.ByCSI || v.Method == velero.ByNative }
	wanted := 0
	for _, v := range m.Volumes {
		if isSnapshot(v) {
			wanted++
		}
	}
	for i := range m.Volumes {
		if v := &m.Volumes[i]; !isSnapshot(*v) || snapshots < wanted {
			v.Skipped = "what became of them is not known: " + why.Error()
		}
	}
}
