package member

import (
	"context"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Pool keeps the members of one command: each cluster is connected to once,
// and logins are shared. It is safe for concurrent use.
type Pool struct {
	options   Options
	unpackers unpackers

	mu      sync.Mutex
	members map[string]*Member
	logins  map[string]*sharedLogin
}

// NewPool returns a pool whose members are talked to with these options.
func NewPool(o Options) *Pool {
	return &Pool{options: o, unpackers: newUnpackers(), members: map[string]*Member{}, logins: map[string]*sharedLogin{}}
}

// Member returns the way to a cluster, by its name. It fails only if the
// cluster cannot be addressed: with ReasonMisconfigured, or with the reason of
// the hub that could not say how. It sends nothing to the cluster.
func (p *Pool) Member(ctx context.Context, c inventory.Cluster) (*Member, error) {
	p.mu.Lock()
	m := p.members[c.Name]
	p.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := newMember(ctx, c, p.options, p)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.members[c.Name]; first != nil {
		return first, nil
	}
	p.members[c.Name] = m
	return m, nil
}

func (p *Pool) login(id string) *sharedLogin {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.logins[id] == nil {
		p.logins[id] = &sharedLogin{turn: make(chan struct{}, 1)}
	}
	return p.logins[id]
}
