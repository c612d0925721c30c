package direct

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// access is verbs on a type in a namespace; "" is the whole cluster.
type access struct {
	collection

	verbs []string
}

// mayRun refuses a plan of somebody who lacks a right that its run needs and that no dry
// run has shown: otherwise that would come out under way. Where the server does not say,
// the run will hear it.
func (p *planner) mayRun(ctx context.Context) error {
	if p.Idle() {
		return nil
	}
	// Asked in the order in which they are said.
	var asked []authorizationv1.ResourceAttributes
	for _, need := range p.accesses() {
		for _, verb := range need.verbs {
			asked = append(asked, authorizationv1.ResourceAttributes{
				Group: need.resource.Group, Resource: need.resource.Resource, Verb: verb, Namespace: need.namespace,
			})
		}
	}
	denied := make([]bool, len(asked))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range asked {
		group.Go(func() error {
			allowed, _, err := p.member.May(asking, asked[i])
			denied[i] = err == nil && !allowed
			return asking.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return context.Cause(ctx)
	}
	var places []string
	lacking := map[string][]string{}
	for i, a := range asked {
		if !denied[i] {
			continue
		}
		if lacking[a.Namespace] == nil {
			places = append(places, a.Namespace)
		}
		lacking[a.Namespace] = append(lacking[a.Namespace], a.Verb+" "+a.Resource)
	}
	if len(places) == 0 {
		return nil
	}
	texts := make([]string, len(places))
	for i, namespace := range places {
		texts[i] = "you may not " + strings.Join(lacking[namespace], ", ")
		switch namespace {
		case "":
			texts[i] += " at the cluster scope"
		case p.options.StateNamespace:
			texts[i] += " in the namespace " + namespace + ", in which the cluster remembers the set"
		default:
			texts[i] += " in the namespace " + namespace
		}
	}
	return refused("%w", &member.DeniedError{Err: errors.New(strings.Join(texts, "; "))})
}

// accesses are what a run of the plan needs beside what it was planned by: to write what
// the cluster remembers, under a lock that is taken, renewed and given back; to delete;
// and to look at what is new to the set until it is current.
func (p *planner) accesses() []access {
	remembers := func(group, resource string, verbs ...string) access {
		of := schema.GroupVersionResource{Group: group, Resource: resource}
		return access{collection{member.Resource{GroupVersionResource: of}, p.options.StateNamespace}, verbs}
	}
	all := []access{remembers("", "secrets", p.writesRecords()...), remembers("coordination.k8s.io", "leases", "create", "update", "delete")}
	need := func(at collection, verb string) {
		same := func(a access) bool { return a.collection == at && slices.Contains(a.verbs, verb) }
		if at.resource.Resource != "" && !slices.ContainsFunc(all, same) { // "": its definition comes first
			all = append(all, access{at, []string{verb}})
		}
	}
	for _, c := range p.Changes {
		switch {
		case c.Action == ActionDelete:
			need(c.collection(), "delete")
		case !p.options.Hub && !c.Drops() && c.Action != ActionKeep && !p.hasListed(c):
			need(c.collection(), "list")
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
