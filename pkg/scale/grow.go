package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/evict"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// Up gives pools of clusters larger counts, and waits until the new nodes take pods.
// Clusters have their turns as in Down.
func Up(ctx context.Context, f Fleet, growths map[string]journal.Growth, removers Removers, s Settings, o Order, observer Observer) fanout.Results[Outcome] {
	begin := func(ctx context.Context, c inventory.Cluster, m *member.Member) (journal.Journal, error) {
		seen, err := snapshot.ReadNodes(ctx, m)
		if err != nil {
			return journal.Journal{}, err
		}
		j := newJournal(s)
		j.Growth = new(growths[c.Name])
		for _, n := range seen.Nodes {
			j.Growth.Before = append(j.Growth.Before, n.UID)
		}
		return j, nil
	}
	return inTurn(ctx, f, s, o, begin, func(ctx context.Context, c inventory.Cluster, m *member.Member, j *journal.Run) error {
		one := &clusterRun{cluster: c.Name, member: m, request: Request{Removers: removers}, settings: s, observer: observer, journal: j}
		return one.run(ctx)
	})
}

// ArrivalError is new nodes that did not come in time. Their pool keeps its count.
type ArrivalError struct {
	After   time.Duration
	Waiting string
}

func (e *ArrivalError) Error() string {
	return fmt.Sprintf("the new nodes do not all take pods within %s: %s", e.After, e.Waiting)
}

// Reason classifies the failure.
func (*ArrivalError) Reason() member.Reason { return member.ReasonUnhealthy }

// grow gives the pool its count, and waits for the nodes.
func (r *clusterRun) grow(ctx context.Context) error {
	g := r.journal.Growth
	remover, err := r.remover(g.Pool.Owner.Remover)
	if err != nil {
		return err
	}
	grower, can := remover.(remove.Grower)
	if !can {
		return &member.Error{Reason: member.ReasonMisconfigured, Err: fmt.Errorf("%s cannot add nodes", remover.Name())}
	}
	if !g.Told {
		r.observer.Grows(r.cluster, g.Pool.Name, *g.Pool.Owner.Count, g.To)
		err := patience.Try(ctx, func() error { return grower.Set(ctx, r.journal.Run, g.Pool, g.To) })
		if changed, is := errors.AsType[*remove.ChangedError](err); is {
			return &StaleError{[]string{changed.Error()}}
		}
		if err != nil {
			return err
		}
		g.Told = true
		if err := r.journal.Save(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		waiting, err := r.arrived(ctx, grower, g)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !member.IsAway(err):
			return err
		case err != nil:
			waiting = err.Error() // it may be over soon
		}
		if waiting == "" {
			return nil
		}
		r.observer.Gate(r.cluster, waiting)
		if time.Since(began) > r.settings.Timeout {
			return &StoppedError{&ArrivalError{r.settings.Timeout, waiting}}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// arrived notes the new nodes that take pods, and says what is waited for; nothing
// when all have come.
func (r *clusterRun) arrived(ctx context.Context, grower remove.Grower, g *journal.Growth) (waiting string, err error) {
	s, err := snapshot.ReadNodesAndDaemons(ctx, r.member)
	if err != nil {
		return "", err
	}
	pools, err := grower.Pools(ctx, s.Nodes)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(pools, func(p remove.Pool) bool { return p.Owner.UID == g.Pool.Owner.UID })
	if at < 0 {
		return fmt.Sprintf("pool %s has no node", g.Pool.Name), nil
	}
	pool := pools[at]
	if count := *pool.Owner.Count; count != g.To && grower.Name() != remove.HookName { // a program's groups are counted by their nodes
		return "", &StoppedError{&remove.ChangedError{Owner: pool.Owner, What: fmt.Sprintf("its count is %d, not %d", count, g.To)}}
	}
	var fresh, peers []*corev1.Node
	for _, n := range s.Nodes {
		switch {
		case !slices.Contains(pool.Nodes, n.Name):
		case slices.Contains(g.Before, n.UID):
			peers = append(peers, n)
		default:
			fresh = append(fresh, n)
		}
	}
	missing := g.New() - len(fresh)
	var reasons []string
	for _, n := range fresh {
		if r.joined(n.UID) {
			continue
		}
		pods, err := evict.PodsOf(ctx, r.member, n.Name)
		if err != nil {
			return "", err
		}
		if why := unready(n, peers, s.DaemonSets, pods); why != "" {
			reasons = append(reasons, n.Name+": "+why)
			continue
		}
		node := journal.Node{Node: remove.Node{Name: n.Name, UID: n.UID, Zone: n.Labels[corev1.LabelTopologyZone]}, Owner: pool.Owner, Phase: journal.Joined}
		r.journal.Nodes = append(r.journal.Nodes, node)
		if err := r.journal.Save(ctx); err != nil {
			return "", err
		}
		r.observer.Ended(r.cluster, node)
	}
	if len(r.journal.Nodes) >= g.New() {
		return "", nil
	}
	if missing > 0 {
		reasons = append(reasons, fmt.Sprintf("%d of %d new nodes have not come", missing, g.New()))
	}
	return strings.Join(reasons, "; "), nil
}

// joined is true for a new node that took pods when it was looked at.
func (r *clusterRun) joined(uid types.UID) bool {
	return slices.ContainsFunc(r.journal.Nodes, func(n journal.Node) bool { return n.UID == uid })
}
