package direct

import (
	"context"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// mayRun refuses a plan of somebody who lacks a right that its run needs and that no dry
// run has shown.
func (p *planner) mayRun(ctx context.Context) error {
	if p.Idle() {
		return nil
	}
	return p.member.MayAll(ctx, p.accesses())
}

// accesses are what a run of the plan needs beside what it was planned by: to write what
// the cluster remembers, under a lock that is taken, renewed and given back; to delete;
// and to look at what is new to the set until it is current.
func (p *planner) accesses() []member.Access {
	const remembers = ", in which the cluster remembers the set"
	all := []member.Access{
		{Verbs: p.writesRecords(), Resource: "secrets", Namespace: p.options.StateNamespace, Why: remembers},
		{Verbs: []string{"create", "update", "delete"}, Group: "coordination.k8s.io", Resource: "leases", Namespace: p.options.StateNamespace, Why: remembers},
	}
	type need struct {
		collection

		verb string
	}
	var needs []need
	for _, c := range p.Changes {
		one := need{c.collection(), "list"}
		switch {
		case c.Action == ActionDelete:
			one.verb = "delete"
		case c.Resource.Resource == "", p.options.Hub, c.Drops(), c.Action == ActionKeep, p.hasListed(c): // "": its definition comes first
			continue
		}
		if !slices.Contains(needs, one) {
			needs = append(needs, one)
			all = append(all, member.Access{Verbs: []string{one.verb}, Group: one.resource.Group, Resource: one.resource.Resource, Namespace: one.namespace})
		}
	}
	return all
}

// hasListed is true where planning has listed the objects of a change's type.
func (p *planner) hasListed(c *Change) bool {
	return p.known.listed[c.collection()] || p.set.Journal.Has(c.Object.GroupVersionKind().GroupKind(), c.Object.GetNamespace())
}

// writesRecords are the verbs that a run of the plan needs for the Secrets of the set,
// beside those by which it was planned.
func (p *Plan) writesRecords() []string {
	journal := &p.set.Journal
	var verbs []string
	next := journal.Revision
	switch p.purpose {
	case toForget:
		return []string{"delete"}
	case toKeep:
		next++
		verbs = append(verbs, "create")
	case toResume:
		if p.options.TakesBack { // by a revision more
			verbs = append(verbs, "create")
		}
	}
	verbs = append(verbs, "update")
	if !p.set.Exists() { // what is not there was not listed
		verbs = append(verbs, "list")
	}
	if p.options.TakesBack || journal.Tidies(next) {
		verbs = append(verbs, "delete")
	}
	return verbs
}
