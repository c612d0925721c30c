package hub

import (
	"context"
	"slices"
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
	if err := t.awaitTaken(ctx, within, t.cluster, func(c *direct.Change) bool { return !isUnbound(c) }); err != nil {
		return err
	}
	if err := t.awaitGone(ctx, within, t.cluster); err != nil {
		return err
	}
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	t.at.finished[t.cluster] = true
	if len(t.at.finished) < len(t.known) {
		return nil
	}
	if err := t.giveBack(ctx, within); err != nil {
		return err
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
	templates := func(c *direct.Change) bool { return !isOfPolicy(c) && !isUnbound(c) }
	objects := func(c *direct.Change) bool { return templates(c) && !isDefinition(c.Object.GroupVersionKind()) }
	definitions := func(c *direct.Change) bool { return templates(c) && !objects(c) }
	if err := t.DropOnly(ctx, within, objects); err != nil {
		return err
	}
	if err := t.awaitUndefinable(ctx, within, objects); err != nil {
		return err
	}
	if err := t.DropOnly(ctx, within, definitions); err != nil {
		return err
	}
	t.at.applied = true
	return nil
}

// giveBack gives back the templates that were on the hub before the set, when what
// the set brought of them to the clusters is gone.
func (t *Turn) giveBack(ctx context.Context, within time.Duration) error {
	if !slices.ContainsFunc(t.Changes, isUnbound) {
		return nil
	}
	if err := t.DropOnly(ctx, within, func(c *direct.Change) bool { return propagates(c.Object.Unstructured) }); err != nil {
		return err
	}
	if err := t.unbind(ctx, within); err != nil {
		return err
	}
	for _, cluster := range t.known {
		if err := t.awaitTaken(ctx, within, cluster, isUnbound); err != nil {
			return err
		}
		if err := t.awaitGone(ctx, within, cluster); err != nil {
			return err
		}
	}
	return t.DropOnly(ctx, within, isUnbound)
}

func isOfPolicy(c *direct.Change) bool { return isPolicy(c.Object.GroupVersionKind()) }

// awaitTaken waits until the hub has nothing of the set for a cluster, or of some of
// it: what it had brought there is deleted by then. What was dropped by a run that
// was killed is no change any more, and is waited for, too.
func (t *Turn) awaitTaken(ctx context.Context, within time.Duration, cluster string, which func(*direct.Change) bool) error {
	return patiently(ctx, within, "it has taken all away", func(ctx context.Context) ([]string, error) {
		var left []string
		request := member.ListRequest{Resource: works(), Namespace: executionPrefix + cluster, Limit: 500}
		err := t.eachWork(ctx, request, func(w *work) {
			o := w.manifest()
			at := slices.IndexFunc(t.Changes, refersTo(set.RefOf(o)))
			if o.GetLabels()[set.PartOfLabel] == t.PartOf() && (at < 0 || which(t.Changes[at])) {
				left = append(left, set.RefOf(o).String())
			}
		})
		return left, err
	})
}
