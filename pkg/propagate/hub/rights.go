package hub

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// mayFollow refuses a plan of somebody who may write what brings the set to clusters, and
// not see what becomes of it there: the plan of a first run has read no Works, and its run
// would find out when all is written.
func (p *planner) mayFollow(ctx context.Context) error {
	if p.Idle() {
		return nil
	}
	needs := []member.Access{{Verbs: []string{"list"}, Group: works().Group, Resource: works().Resource}}
	asked := map[string]bool{}
	for _, c := range p.Changes {
		namespace := c.Object.GetNamespace()
		if c.Action != direct.ActionReschedule || asked[namespace] {
			continue
		}
		asked[namespace] = true
		bindings := bindingsIn(namespace)
		needs = append(needs, member.Access{Verbs: []string{"patch"}, Group: bindings.Group, Resource: bindings.Resource, Namespace: namespace})
	}
	return p.hub.MayAll(ctx, needs)
}
