package direct

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// mayRemember refuses a plan of somebody who may not write what its run remembers:
// otherwise that would come out under way. Where the server does not say, the run
// will hear it.
func (p *planner) mayRemember(ctx context.Context) error {
	if p.Idle() {
		return nil
	}
	var needed []authorizationv1.ResourceAttributes
	need := func(group, resource string, verbs ...string) {
		for _, verb := range verbs {
			needed = append(needed, authorizationv1.ResourceAttributes{Group: group, Resource: resource, Verb: verb, Namespace: p.options.StateNamespace})
		}
	}
	need("", "secrets", p.writesRecords()...)
	need("coordination.k8s.io", "leases", "create", "update", "delete") // the lock is taken, renewed and given back
	answers := make([]string, len(needed))
	group, asking := errgroup.WithContext(ctx)
	for i := range needed {
		group.Go(func() error {
			if allowed, _, err := p.member.May(asking, needed[i]); err == nil && !allowed {
				answers[i] = needed[i].Verb + " " + needed[i].Resource
			}
			return asking.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return context.Cause(ctx)
	}
	lacking := slices.DeleteFunc(answers, func(answer string) bool { return answer == "" })
	if len(lacking) == 0 {
		return nil
	}
	denied := fmt.Errorf("you may not %s in the namespace %s, in which the cluster remembers the set", strings.Join(lacking, ", "), p.options.StateNamespace)
	return refused("%w", &member.DeniedError{Err: denied})
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
