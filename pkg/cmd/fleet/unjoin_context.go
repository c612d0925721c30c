package fleet

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership/karmada"
)

// wayTo finds the way to a cluster that joined the hub under another name than
// that of its context: a context at the address that the hub has for it, behind
// which is the cluster that joined. One that does not answer may be it. nil if the
// kubeconfig has none.
func (u *hubUnjoin) wayTo(ctx context.Context, hub *karmada.Hub, name string) (*member.Member, error) {
	server, uid := hub.Address(name)
	if uid == "" {
		return nil, nil
	}
	all, err := u.clusters.SelectUnasked(ctx)
	if err != nil {
		return nil, err
	}
	var there []string
	for _, c := range all.Clusters {
		if inventory.NormalServer(c.Server) == inventory.NormalServer(server) {
			there = append(there, c.Name)
		}
	}
	if len(there) == 0 {
		return nil, nil
	}
	found, err := u.clusters.Select(ctx, there...)
	if err != nil {
		return nil, err
	}
	var silent *member.Member
	for _, c := range found.Clusters {
		m, err := found.Members.Member(ctx, c)
		if err != nil {
			continue
		}
		switch identity, err := m.Identity(ctx); {
		case err != nil:
			silent = m
		case identity.UID == uid:
			return m, nil
		}
	}
	return silent, ctx.Err()
}
