package backup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Set is a set, or a run that may become one, as the clusters that were asked
// remember it.
type Set struct {
	Execution v1alpha1.BackupExecution
	// At are the clusters that remember it.
	At []Location
	// blank are clusters that have answered, and remember nothing of it: nothing was begun
	// there, since a run is remembered by all before it is begun in any.
	blank []types.UID
}

// Location is a cluster that remembers a set.
type Location struct {
	Cluster inventory.Cluster
	UID     types.UID
	Member  *member.Member
	// Phase is how far the run came there.
	Phase v1alpha1.BackupPhase
}

// Ended is true if nothing is left to do.
func (s *Set) Ended() bool {
	return !slices.ContainsFunc(s.At, func(l Location) bool {
		return l.Phase != v1alpha1.BackupSealed && l.Phase != v1alpha1.BackupAborted
	})
}

// Silent are the members that may have taken part, and were not asked or do not answer.
// Those that were left out from the beginning have nothing to say.
func (s *Set) Silent() []string {
	var silent []string
	for _, m := range s.Execution.Status.Members {
		at := slices.ContainsFunc(s.At, func(l Location) bool { return l.UID == m.UID })
		if !at && m.UID != "" && m.Missing == "" && !slices.Contains(s.blank, m.UID) {
			silent = append(silent, m.Cluster)
		}
	}
	return silent
}

// List finds the sets that clusters remember, the newest first.
func List(ctx context.Context, f Fleet, namespace string) ([]Set, []fanout.Failure) {
	type memory struct {
		at       Location
		journals []*set.Journal
	}
	results := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (memory, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return memory{}, err
		}
		id, err := m.Identity(ctx)
		if err != nil {
			return memory{}, err
		}
		is := memory{at: Location{Cluster: c, UID: types.UID(id.UID), Member: m}}
		is.journals, err = set.LoadAll(ctx, state.Store{Member: m, Namespace: namespace}, is.at.UID)
		return is, err
	})
	journals := map[string][]*set.Journal{}
	at := map[string][]Location{}
	for _, r := range results {
		for _, j := range r.Value.journals {
			here := r.Value.at
			here.Phase = j.Status.Phase
			journals[j.Name] = append(journals[j.Name], j)
			at[j.Name] = append(at[j.Name], here)
		}
	}
	var sets []Set
	for name, js := range journals {
		one := Set{Execution: set.Merge(js), At: at[name]}
		for _, r := range results {
			if uid := r.Value.at.UID; r.Err == nil && !slices.ContainsFunc(one.At, func(l Location) bool { return l.UID == uid }) {
				one.blank = append(one.blank, uid)
			}
		}
		sets = append(sets, one)
	}
	slices.SortFunc(sets, func(a, b Set) int {
		return cmp.Or(b.Execution.Status.Started.Compare(a.Execution.Status.Started.Time), cmp.Compare(a.Execution.Name, b.Execution.Name))
	})
	return sets, results.Failures(nil)
}

// NotFoundError is a set that no cluster remembers.
type NotFoundError struct {
	// Name is the set's, or its policy's. It may be empty where By is not.
	Name string
	// By is when the set should be of, or before; zero: at any time.
	By time.Time
}

func (e *NotFoundError) Error() string {
	switch at := e.By.UTC().Format(time.RFC3339); {
	case e.By.IsZero():
		return fmt.Sprintf("no selected cluster remembers a set %q", e.Name)
	case e.Name == "":
		return "no selected cluster remembers a set of " + at + " or before"
	default:
		return fmt.Sprintf("no selected cluster remembers a set of policy %q of %s or before", e.Name, at)
	}
}

// Reason classifies the failure.
func (*NotFoundError) Reason() member.Reason { return member.ReasonNotFound }

// NameOf is the name of a set as it was given: get -o name puts what it is before it.
func NameOf(given string) string {
	return strings.TrimPrefix(given, strings.ToLower(v1alpha1.BackupExecutionKind)+"."+v1alpha1.Group+"/")
}

// Find finds one set among those that List has found.
func Find(sets []Set, name string) (Set, error) {
	name = NameOf(name)
	at := slices.IndexFunc(sets, func(s Set) bool { return s.Execution.Name == name })
	if at < 0 {
		return Set{}, &NotFoundError{Name: name}
	}
	return sets[at], nil
}
