package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Status is how a set is in one cluster.
type Status struct {
	Name    string
	Journal set.Journal
	// Applied is the revision that is applied, wholly or in part.
	Applied int
	// Restores is the revision that it brings back; nil if it is not known, or it brings
	// something new.
	Restores *int
	// Stopped: the last run has ended before its end.
	Stopped bool
	// Hub: the cluster is a control plane, and the set is in others.
	Hub    bool
	Health Health
	// Ready and Wanted count the replicas of its workloads.
	Ready, Wanted int64
	// Drifted are the objects that are no longer as the set applied them, each with
	// the fields that differ: Reference is the set's.
	Drifted []Drift
	// Left are the objects that the set has no longer, and that are there still, in
	// words.
	Left []string
	// DriftUnknown is why nobody can say what has drifted; nil if it is known.
	DriftUnknown error
}

// Drift is an object that is no longer as the set applied it.
type Drift struct {
	Ref    set.Ref
	Gone   bool
	Fields []v1alpha1.Difference
}

// Inspect looks at the sets of a cluster: at one, or with an empty name at all.
// Nothing is written; what has drifted is found by dry runs.
func Inspect(ctx context.Context, m *member.Member, stateNamespace, name string) ([]Status, error) {
	sets, err := setsOf(ctx, m, stateNamespace, name)
	if err != nil {
		return nil, err
	}
	statuses := make([]Status, 0, len(sets))
	for _, s := range sets {
		status, err := inspect(ctx, m, s, stateNamespace)
		if err != nil {
			return nil, err
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}

// setsOf are the sets of a cluster, or the one of a name.
func setsOf(ctx context.Context, m *member.Member, stateNamespace, name string) ([]*set.Set, error) {
	store := state.Store{Member: m, Namespace: stateNamespace}
	if name == "" {
		return set.List(ctx, store)
	}
	one, err := set.Load(ctx, store, name)
	if err == nil && !one.Exists() {
		err = &NoSetError{name}
	}
	return []*set.Set{one}, err
}

// Remembered is what a cluster remembers of its sets, or of one, without a look at
// their objects.
func Remembered(ctx context.Context, m *member.Member, stateNamespace, name string) ([]Status, error) {
	sets, err := setsOf(ctx, m, stateNamespace, name)
	if err != nil {
		return nil, err
	}
	statuses := make([]Status, len(sets))
	for i, s := range sets {
		if statuses[i], err = remembered(ctx, m, s, stateNamespace); err != nil {
			return nil, err
		}
	}
	return statuses, nil
}

func remembered(ctx context.Context, m *member.Member, s *set.Set, stateNamespace string) (Status, error) {
	status := Status{Name: s.Name, Journal: s.Journal, Applied: applied(s), Hub: s.Journal.Hub}
	if s.Journal.Phase == set.PhaseApplying || s.Journal.Phase == set.PhaseGating {
		locked, err := state.Store{Member: m, Namespace: stateNamespace}.IsLocked(ctx, lockOf(s.Name))
		if err != nil {
			return status, err
		}
		status.Stopped = !locked
	}
	return status, nil
}

// applied is the revision that is applied, wholly or in part.
func applied(s *set.Set) int {
	if s.Journal.Phase == set.PhasePending { // nothing of the new one is there
		return s.Journal.Base()
	}
	return s.Journal.Revision
}

func inspect(ctx context.Context, m *member.Member, s *set.Set, stateNamespace string) (Status, error) {
	status, err := remembered(ctx, m, s, stateNamespace)
	if err != nil {
		return status, err
	}
	if status.Hub { // kstatus of a template means nothing
		status.DriftUnknown = errors.New("it is a control plane, and the set is in its clusters")
		return status, nil
	}
	current, err := s.Revision(ctx, status.Applied)
	if err != nil || current == nil {
		return status, err
	}
	status.Restores = current.Restores
	p := &planner{Plan: &Plan{Cluster: m.Cluster().Name, member: m, set: s, current: current, options: Options{Set: s.Name, StateNamespace: stateNamespace}}}
	members, err := p.members(ctx)
	if err != nil {
		return status, err
	}
	status.Health, _ = p.healthOf(members)
	var changes []*Change
	there := byRef(members)
	for _, wanted := range current.Objects {
		ref := set.RefOf(wanted)
		held := there[ref.Unversioned()]
		delete(there, ref.Unversioned())
		if held == nil {
			status.Drifted = append(status.Drifted, Drift{Ref: ref, Gone: true})
			continue
		}
		status.Count(&held.Unstructured)
		changes = append(changes, Found(held.resource, manifest.Object{Unstructured: wanted}, &held.Unstructured))
	}
	for _, held := range there {
		status.Left = append(status.Left, set.RefOf(&held.Unstructured).String())
	}
	slices.Sort(status.Left)
	status.DriftUnknown = each(ctx, changes, func(ctx context.Context, c *Change) error {
		after, err := m.Apply(ctx, c.Resource, c.Object.Unstructured, member.WriteOptions{DryRun: true, Force: true})
		if err != nil {
			return fmt.Errorf("%s: %w", c.ref(), err)
		}
		c.Fields = drift.Fields(drift.Normal(after, drift.Options{}), drift.Normal(c.live, drift.Options{}))
		return nil
	})
	for _, c := range changes {
		if len(c.Fields) > 0 {
			status.Drifted = append(status.Drifted, Drift{Ref: c.ref(), Fields: c.Fields})
		}
	}
	return status, nil
}

// Count adds the replicas of a workload.
func (s *Status) Count(o *unstructured.Unstructured) {
	ready, wanted := replicas(o)
	s.Ready, s.Wanted = s.Ready+ready, s.Wanted+wanted
}

// replicas counts those of a workload.
func replicas(o *unstructured.Unstructured) (ready, wanted int64) {
	switch o.GroupVersionKind().GroupKind().String() {
	case "Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps":
		wanted, _, _ = unstructured.NestedInt64(o.Object, "spec", "replicas")
		ready, _, _ = unstructured.NestedInt64(o.Object, "status", "readyReplicas")
	case "DaemonSet.apps":
		wanted, _, _ = unstructured.NestedInt64(o.Object, "status", "desiredNumberScheduled")
		ready, _, _ = unstructured.NestedInt64(o.Object, "status", "numberReady")
	}
	return ready, wanted
}
