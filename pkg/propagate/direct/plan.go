package direct

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Options are how a set is brought to clusters.
type Options struct {
	// Set is its name.
	Set string
	// Namespace is where objects go that name none; "" is the cluster's own.
	Namespace string
	// StateNamespace is where the set is remembered.
	StateNamespace string
	// ForceConflicts takes fields over from other managers.
	ForceConflicts bool
	// TakeOver takes objects over from other tools.
	TakeOver bool
	// Prune deletes the members of the set that are no longer wanted.
	Prune bool
	// DeleteKinds are the protected kinds that may be deleted all the same.
	DeleteKinds []string
	// Untried plans without dry runs of the server.
	Untried bool
	// CompareOnly: the plan is looked at, and never made.
	CompareOnly bool
	// Hub: the cluster is a control plane that brings the objects to others.
	Hub bool
	// TakesBack: a run of the plan that fails is taken back by another.
	TakesBack bool

	// Forms are those that the plans of several clusters share; nil: they share none.
	Forms *Forms

	pruneOnly func(set.Ref) bool // nil: all that is not wanted
}

// DefaultStateNamespace is where sets are remembered, unless the user says
// otherwise.
const DefaultStateNamespace = state.DefaultNamespace

// parallel is how many requests one cluster gets at a time: what a distant one
// needs to be kept busy, and far less than an API server takes of one user.
const parallel = 16

// Plan is what happens in one cluster.
type Plan struct {
	Cluster string
	// UID is the cluster's identity: that of its namespace kube-system.
	UID string
	// Changes are in the order in which they are made.
	Changes []*Change

	options Options
	member  *member.Member
	set     *set.Set
	locked  bool          // somebody is at work on the set, or was killed
	current *set.Revision // what was applied last
	before  *set.Revision // what was applied before a revision was prepared
	// restores is the revision that the plan brings back; nil if it brings
	// something new.
	restores *int
	purpose  purpose
	// hasSpace is whether the state namespace was there; nil: it was not looked for.
	hasSpace *bool
}

// purpose is what becomes of the set in what the cluster remembers.
type purpose int

const (
	toKeep   purpose = iota // a revision is added
	toResume                // the last revision is gone on with
	toForget                // nothing is remembered any more
)

// Counts counts the objects that are written, and of those the ones deleted.
func (p *Plan) Counts() (writes, deletes int) {
	for _, c := range p.Changes {
		if c.Action.Writes() {
			writes++
		}
		if c.Action == ActionDelete {
			deletes++
		}
	}
	return writes, deletes
}

// planner plans one cluster.
type planner struct {
	*Plan
	resources map[schema.GroupVersionKind]member.Resource
	planned   map[schema.GroupKind]member.Resource // by CRDs among the objects; of them it is known whether they have namespaces
	spaces    map[string]bool                      // namespaces among the objects

	known known
	// healthOnly: of its members their health is of interest, and nothing else.
	healthOnly bool

	mu       sync.Mutex
	missing  map[string]bool     // those of spaces that are not there yet, as far as that is known
	tried    map[collection]bool // something new of them was
	problems []ObjectError
}

// PlanCluster plans for one cluster, by reading and by dry runs: nothing is
// written. What cannot be is a *RefusedError with every reason.
func PlanCluster(ctx context.Context, m *member.Member, objects []manifest.Object, o Options) (*Plan, error) {
	return planCluster(ctx, m, objects, o, toKeep)
}

func planCluster(ctx context.Context, m *member.Member, objects []manifest.Object, o Options, purpose purpose) (*Plan, error) {
	p := &planner{
		Plan:      &Plan{Cluster: m.Cluster().Name, options: o, member: m, purpose: purpose},
		resources: map[schema.GroupVersionKind]member.Resource{}, planned: map[schema.GroupKind]member.Resource{}, spaces: map[string]bool{}, missing: map[string]bool{}, tried: map[collection]bool{},
	}
	if err := p.remember(ctx); err != nil {
		return nil, err
	}
	wanted, err := p.prepare(ctx, objects)
	if err != nil {
		return nil, err
	}
	var unwanted []*Change
	group, planning := errgroup.WithContext(ctx)
	group.Go(func() error { return p.planAll(planning, wanted) })
	group.Go(func() (err error) {
		unwanted, err = p.unwanted(planning, wanted)
		return err
	})
	if !p.set.Exists() && !o.CompareOnly { // beside the others it takes no time, and with the locks it would
		group.Go(func() error {
			there, err := p.store().HasNamespace(planning)
			p.hasSpace = &there
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := p.verdict(); err != nil {
		return nil, err
	}
	p.Changes = append(inOrder(wanted), unwanted...)
	if o.CompareOnly {
		return p.Plan, nil
	}
	if err := p.mayRun(ctx); err != nil {
		return nil, err
	}
	return p.Plan, nil
}

// planAll decides about all that is wanted.
func (p *planner) planAll(ctx context.Context, wanted []*Change) error {
	p.learn(ctx, wanted)
	return each(ctx, wanted, func(ctx context.Context, c *Change) error {
		err := p.plan(ctx, c)
		if isRefusal(err) { // all of them are said, a cluster that fails is asked no more
			p.refuse(c.Object, err)
			return nil
		}
		if err != nil {
			return &ObjectError{c.Object, err}
		}
		return nil
	})
}

// whoIs is a cluster's UID. Another one than the inventory recorded is refused.
func whoIs(ctx context.Context, m *member.Member) (string, error) {
	identity, err := m.Identity(ctx)
	if err != nil {
		return "", err
	}
	if recorded := m.Cluster().UID; recorded != "" && recorded != identity.UID {
		return "", &member.Error{Reason: member.ReasonWrongCluster, Err: fmt.Errorf("this cluster's UID is %s; the one that joined the fleet has %s", identity.UID, recorded)}
	}
	return identity.UID, nil
}

// remember reads who the cluster is, and what it remembers of the set.
func (p *planner) remember(ctx context.Context) error {
	store := p.store()
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		p.UID, err = whoIs(reading, p.member)
		return err
	})
	group.Go(func() (err error) {
		p.locked, err = store.IsLocked(reading, lockOf(p.options.Set))
		if err != nil && member.ReasonOf(err) != member.ReasonForbidden { // who may not see it may plan: who writes will hear of it
			return err
		}
		return nil
	})
	group.Go(func() (err error) {
		if p.set, err = set.Load(reading, store, p.options.Set); err != nil {
			return err
		}
		if err := suits(p.member, p.set, p.options); err != nil {
			return err
		}
		p.current, err = p.set.Revision(reading, p.set.Journal.Revision)
		return err
	})
	return group.Wait()
}

// suits refuses a set that a control plane brings to clusters where it would be
// taken for one of the control plane's own, and the other way around.
func suits(m *member.Member, s *set.Set, o Options) error {
	switch {
	case s.Journal.Revision == 0, s.Journal.Hub == o.Hub:
		return nil
	case o.Hub:
		return refused("it has a set %s of its own, which it brings to nobody: give this one another name, or withdraw that one, with its context for -C and --via direct", s.Name)
	}
	return refused("it is a control plane, and brings the set %s to other clusters: select these, with --via karmada=%s", s.Name, m.Cluster().Context)
}

// plan decides about one object.
func (p *planner) plan(ctx context.Context, c *Change) error {
	c.Action = ActionCreate
	if c.Untried {
		c.Why = "its CRD is applied first"
		return nil
	}
	live, err := p.read(ctx, c)
	if _, planned := p.planned[c.Object.GroupVersionKind().GroupKind()]; planned && err != nil && member.ReasonOf(err) == member.ReasonNotFound {
		c.Resource.Resource, c.Untried, c.Why = "", true, "its CRD is applied first" // it was here a moment ago
		return nil
	}
	if err != nil {
		return err
	}
	if live != nil {
		c.live = live
		if err := p.mayTake(ctx, live); err != nil {
			return err
		}
	}
	if p.options.Untried {
		if c.live != nil {
			c.Action = ActionApply
		}
		return nil
	}
	if c.live == nil {
		return p.tryNew(ctx, c)
	}
	after, err := p.member.Apply(ctx, c.Resource, c.Object.Unstructured, p.sent(c, true))
	if conflicts := conflictsOf(err); conflicts != nil {
		if !p.options.ForceConflicts {
			return conflicts
		}
		c.force = true
		c.Why = "takes over " + conflicts.owners()
		after, err = p.member.Apply(ctx, c.Resource, c.Object.Unstructured, p.sent(c, true))
	}
	if err != nil {
		return err
	}
	c.compare(after)
	return nil
}

// tryNew has the server try an object that is not there. In a namespace that is
// made only with it the server cannot, and says no more than whether the user may: of
// each type one asks that.
func (p *planner) tryNew(ctx context.Context, c *Change) error {
	namespace := c.Object.GetNamespace()
	p.mu.Lock()
	told := p.missing[namespace] && p.tried[c.collection()]
	p.tried[c.collection()] = true
	p.mu.Unlock()
	if !told {
		err := p.member.ApplyUnseen(ctx, c.Resource, c.Object.Unstructured, p.sent(c, true))
		if conflicts := conflictsOf(err); conflicts != nil { // somebody made it a moment ago
			return conflicts
		}
		if err == nil || !p.spaces[namespace] || !isNamespaceMissing(err, namespace) {
			return err
		}
		p.mu.Lock()
		p.missing[namespace] = true
		p.mu.Unlock()
	}
	c.Untried, c.Why = true, "its namespace is made first"
	return nil
}

// compare finds what an apply changes.
func (c *Change) compare(after *unstructured.Unstructured) {
	if c.force {
		c.taken = taken(c.Object.Unstructured, c.live)
	}
	if same(c.live, after) {
		c.Action = ActionUnchanged
		return
	}
	c.Action = ActionUpdate
	c.Fields = drift.Fields(drift.Normal(c.live, drift.Options{}), drift.Normal(after, drift.Options{}))
	if len(c.Fields) == 0 && c.Why == "" {
		c.Why = "only who manages it"
	}
}

// same compares two states of an object, but for what every write changes.
func same(a, b *unstructured.Unstructured) bool {
	return equal(bare(a), bare(b))
}

// bare is an object without what every write changes. It shares all else.
func bare(o *unstructured.Unstructured) map[string]any {
	whole := maps.Clone(o.Object)
	metadata, _ := whole["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	delete(metadata, "resourceVersion")
	delete(metadata, "generation")
	entries, _ := metadata["managedFields"].([]any)
	managers := make([]any, len(entries))
	for i := range entries {
		manager, _ := entries[i].(map[string]any)
		manager = maps.Clone(manager)
		delete(manager, "time")
		managers[i] = manager
	}
	metadata["managedFields"] = managers
	whole["metadata"] = metadata
	return whole
}

// each runs fn for every change, several at a time. After an error no more are
// begun, and those that are under way end as they do.
func each(ctx context.Context, changes []*Change, fn func(context.Context, *Change) error) error {
	group, stopped := errgroup.WithContext(ctx)
	var taken atomic.Int64
	// A worker keeps its stack, which grows by a request.
	for range min(parallel, len(changes)) {
		group.Go(func() error {
			for at := taken.Add(1); at <= int64(len(changes)); at = taken.Add(1) {
				if stopped.Err() != nil {
					return context.Cause(ctx)
				}
				if err := fn(ctx, changes[at-1]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// Revision is the number of what is applied last; 0 if nothing is.
func (p *Plan) Revision() int { return p.set.Journal.Revision }

// Unfinished is the last run of the set in the cluster, if it did not end there.
func (p *Plan) Unfinished() (run set.Run, unfinished bool) {
	journal := &p.set.Journal
	return journal.Run, journal.Revision > 0 && journal.Phase != set.PhaseDone
}

// Where is the UID of the cluster.
func (p *Plan) Where() string { return p.UID }
