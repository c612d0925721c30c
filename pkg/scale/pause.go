package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// undoing is how long the nodes' marks may take to be taken back when the user, or a
// failure, has ended the run.
const undoing = 30 * time.Second

// pause takes back our marks from the nodes whose removal has not begun, and notes
// why the run stopped. It has a moment even if ctx has ended.
func (r *clusterRun) pause(ctx context.Context, cause error) error {
	if ended := context.Cause(ctx); errors.Is(ended, state.ErrLockLost) {
		cause = ended
	}
	if errors.Is(cause, state.ErrChanged) || errors.Is(cause, state.ErrLockLost) {
		return &UnfinishedError{nil, cause} // the run is somebody else's now, and so are its marks
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
	defer cancel()
	if _, stale := errors.AsType[*StaleError](cause); stale { // nothing was done
		return errors.Join(cause, r.refuse(ctx, cause))
	}
	var marked []*journal.Node
	for i := range r.journal.Nodes {
		if n := &r.journal.Nodes[i]; !n.Phase.Ended() && n.Phase != journal.Removing {
			marked = append(marked, n)
		}
	}
	var left []error
	for i, err := range r.stay(ctx, marked...) {
		if err != nil {
			left = append(left, fmt.Errorf("node %s has our mark still: %w", marked[i].Name, err))
			continue
		}
		marked[i].Phase = journal.Waiting
	}
	r.journal.Phase, r.journal.Why = journal.Paused, cause.Error()
	if errors.Is(cause, context.Canceled) {
		r.journal.Why = "it was interrupted"
	}
	if err := r.journal.Save(ctx); err != nil {
		left = append(left, err)
	}
	if len(left) > 0 {
		return &UnfinishedError{nil, errors.Join(append([]error{cause}, left...)...)}
	}
	if _, known := errors.AsType[*StoppedError](cause); known {
		return cause
	}
	if _, known := errors.AsType[*UnfinishedError](cause); known {
		return cause
	}
	return &StoppedError{cause}
}

// refuse notes that nothing was done, and that nothing is left to do.
func (r *clusterRun) refuse(ctx context.Context, cause error) error {
	for i := range r.journal.Nodes {
		r.journal.Nodes[i].Phase = journal.Kept
	}
	r.journal.Phase, r.journal.Why = journal.Aborted, cause.Error()
	return r.journal.Save(ctx)
}
