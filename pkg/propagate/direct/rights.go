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

// mayRemember refuses a plan of somebody who may not write what a run remembers:
// otherwise that would come out under way. Where the server does not say, the run
// will hear it.
func (p *planner) mayRemember(ctx context.Context) error {
	if p.Idle() {
		return nil
	}
	var needed []authorizationv1.ResourceAttributes
	for _, of := range []authorizationv1.ResourceAttributes{{Resource: "secrets"}, {Group: "coordination.k8s.io", Resource: "leases"}} {
		for _, verb := range []string{"create", "update", "delete"} {
			of.Namespace, of.Verb = p.options.StateNamespace, verb
			needed = append(needed, of)
		}
	}
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
