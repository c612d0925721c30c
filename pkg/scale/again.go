package scale

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/evict"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/mark"
)

// again looks at the cluster as it is now, and takes nodes out of the wave that can
// no longer leave. None comes in. What blocks must do so for a while: the disruption
// controller and others may not have counted what has just moved.
func (r *clusterRun) again(ctx context.Context, wave []*journal.Node) (*look, error) {
	for began := time.Now(); ; {
		l, can, err := r.lookOnce(ctx, wave)
		_, unwell := errors.AsType[*StoppedError](err)
		switch late := time.Since(began) > settled; {
		case err != nil && (late || !unwell):
			return nil, err
		case err == nil && (late || len(can) == len(wave)):
			return l, r.demote(ctx, l, wave, can)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(twice):
		}
	}
}

// settled is how long a node must be blocked until it is taken out of its wave, and
// how old a budget is that the disruption controller should have seen.
const settled = 10 * time.Second

// lookOnce looks which nodes of a wave can leave now.
func (r *clusterRun) lookOnce(ctx context.Context, wave []*journal.Node) (*look, []candidate.Candidate, error) {
	request := r.request
	request.Policy = r.policy(namesOf(wave))
	var later []string
	for _, n := range r.journal.Nodes {
		if n.Wave > wave[0].Wave && !n.Phase.Ended() {
			later = append(later, n.Name)
		}
	}
	var l *look
	err := patience.Try(ctx, func() (err error) {
		l, err = lookAt(ctx, r.member, request, later...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	ours := func(n *corev1.Node) bool { return r.journal.Node(n.Name) != nil }
	if problems := unhealthy(l.snapshot, l.field.Workers, ours); len(problems) > 0 {
		return nil, nil, &StoppedError{&member.Error{Reason: member.ReasonUnhealthy, Err: errors.New(strings.Join(problems, "; "))}}
	}
	can, err := l.choose(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	return l, can.nodes, nil
}

// demote takes the nodes out of a wave that cannot leave.
func (r *clusterRun) demote(ctx context.Context, l *look, wave []*journal.Node, can []candidate.Candidate) error {
	for _, n := range wave {
		switch {
		case slices.ContainsFunc(can, func(c candidate.Candidate) bool { return c.Node.Name == n.Name && c.Node.UID == n.UID }):
		case !slices.ContainsFunc(l.snapshot.Nodes, func(is *corev1.Node) bool { return is.Name == n.Name && is.UID == n.UID }):
			n.Phase, n.Why = journal.Removed, "somebody else has removed it"
			r.observer.Ended(r.cluster, *n)
		default:
			if err := r.keep(ctx, n, whyBlocked(l, n.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func whyBlocked(l *look, node string) string {
	for _, b := range l.blocked {
		if b.Name == node {
			return (&evict.BlockedError{Blockers: b.Blockers}).Error()
		}
	}
	return "it cannot leave any more"
}

// policy is that of the run for nodes of it.
func (r *clusterRun) policy(names []string) candidate.Policy {
	p := r.request.Policy
	p.Names, p.Selector, p.Pool, p.MinAge, p.Now, p.Ours = names, nil, "", 0, time.Now(), mark.Annotation
	return p
}

// keep ends the run of a node that stays: it is as it was, but for its pods.
func (r *clusterRun) keep(ctx context.Context, n *journal.Node, why string) error {
	if err := r.stay(ctx, n).first(); err != nil {
		return err
	}
	n.Phase, n.Why = journal.Kept, why
	r.observer.Ended(r.cluster, *n)
	return nil
}
