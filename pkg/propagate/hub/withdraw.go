package hub

import (
	"context"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// Withdraw takes the set out of the cluster. The first turn takes the templates from
// the hub, for all; the last one what brought them to the clusters, which until
// then get nothing that is different, and what is remembered.
func (t *Turn) Withdraw(ctx context.Context, within time.Duration) error {
	if err := t.dropTemplates(ctx, within); err != nil {
		return err
	}
	if err := t.awaitTaken(ctx, within); err != nil {
		return err
	}
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	t.at.finished[t.cluster] = true
	if len(t.at.finished) < len(t.known) {
		return nil
	}
	if err := t.DropOnly(ctx, within, isOfPolicy); err != nil {
		return err
	}
	return t.Forget(ctx)
}

func (t *Turn) dropTemplates(ctx context.Context, within time.Duration) error {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	if t.at.applied {
		return nil
	}
	if err := t.DropOnly(ctx, within, func(c *direct.Change) bool { return !isOfPolicy(c) }); err != nil {
		return err
	}
	t.at.applied = true
	return nil
}

func isOfPolicy(c *direct.Change) bool { return isPolicy(c.Object.GroupVersionKind()) }

// awaitTaken waits until the hub has nothing of the set for the cluster: what it
// had brought there is deleted by then.
func (t *Turn) awaitTaken(ctx context.Context, within time.Duration) error {
	return patiently(ctx, within, "it has taken all away", func(ctx context.Context) ([]string, error) {
		var left []string
		request := member.ListRequest{Resource: works(), Namespace: executionPrefix + t.cluster, Limit: 500}
		err := t.eachWork(ctx, request, func(w *work) {
			if o := w.manifest(); o.GetLabels()[set.PartOfLabel] == t.PartOf() {
				left = append(left, set.RefOf(o).String())
			}
		})
		return left, err
	})
}
