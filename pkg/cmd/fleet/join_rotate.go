package fleet

import (
	"context"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership/karmada"
)

// onlyForJoining names a flag that was given and means nothing where tokens are
// replaced and all else stays as it is.
func (f *joinFlags) onlyForJoining() error {
	for _, flag := range []string{"role", "namespaces", "allow-insecure", "provider", "region", "zone", "labels"} {
		if f.flags.Changed(flag) {
			return fmt.Errorf("--rotate replaces tokens and nothing else: --%s is for joining", flag)
		}
	}
	return nil
}

// restart is how Karmada is made to drop the tokens that it began with.
const restart = "kubectl -n karmada-system rollout restart deployment karmada-controller-manager, where it runs"

// rotate replaces the tokens of clusters that have joined the hub.
func (j *hubJoin) rotate(ctx context.Context) error {
	note := "restart Karmada's controllers: up to 1.18 they go on watching these clusters with the dead tokens, do not see what changes there, " +
		"and propagate no types that are new there: " + restart
	if j.flags.keepOld {
		note = "the old tokens are still good. Restart Karmada's controllers, which up to 1.18 go on watching with them: " + restart + "; then --rotate without --keep-old ends them"
	}
	change := &hubChange{
		joinOptions: j.joinOptions, to: j.flags.to, hub: j.hub, head: "new tokens, after which Karmada's controllers up to 1.18 must be restarted",
		do: func(objects, changed int) string {
			return fmt.Sprintf("Write or delete %d objects to replace the tokens of %s", objects, clusters(changed))
		},
		plan: func(ctx context.Context, hub *karmada.Hub, c inventory.Cluster, members *member.Pool) (hubPlan, error) {
			m, err := members.Member(ctx, c)
			if err != nil {
				return nil, err
			}
			request := karmada.RotateRequest{Name: c.Name, Member: m, Impersonator: !j.flags.noImpersonator, KeepOld: j.flags.keepOld, Timeout: j.flags.timeout}
			return karmada.PlanRotate(ctx, hub, request, j.mutation.DryRun == cli.DryRunClient)
		},
		again: "the same command again finishes what was begun",
		note:  note,
	}
	return change.run(ctx)
}
