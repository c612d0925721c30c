package membership

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// JoinRequest is who is to join which fleet.
type JoinRequest struct {
	// Fleet is made if there is none of that name.
	Fleet string
	// Clusters are identified. Their names will be the members'.
	Clusters []inventory.Cluster
	// Named: the name was chosen. A member that has another gets it.
	Named bool
	// Labels are given to each, beside those that it has.
	Labels map[string]string
	// Members lists those that are in the fleet.
	Members Lister
}

// Join adds clusters to a fleet, or brings up to date what the file says of them.
// It is a *RefusedError if a cluster would be in the fleet twice, or if a context
// leads to another cluster than the one that joined.
func (f *FleetFile) Join(r JoinRequest) (Plan, error) {
	plan := Plan{Fleet: r.Fleet, NewFile: f.was == nil}
	if err := onlyOnce(r.Clusters); err != nil {
		return plan, err
	}
	fleet := f.fleet(r.Fleet)
	if plan.NewFleet = fleet < 0; plan.NewFleet {
		var err error
		if fleet, err = f.addFleet(r.Fleet); err != nil {
			return plan, err
		}
	}
	listed, err := r.Members(&f.config.Fleets[fleet])
	if err != nil {
		return plan, err
	}
	for i := range r.Clusters {
		change, err := f.join(fleet, listed, &r.Clusters[i], r)
		if err != nil {
			return plan, err
		}
		plan.Changes = append(plan.Changes, change)
	}
	return plan, nil
}

func (f *FleetFile) join(fleet int, listed []inventory.Cluster, c *inventory.Cluster, r JoinRequest) (v1alpha1.MemberChange, error) {
	none := v1alpha1.MemberChange{}
	for i := range listed {
		if err := sameCluster(r.Fleet, &listed[i], c); err != nil {
			return none, err
		}
	}
	at := slices.IndexFunc(listed, func(m inventory.Cluster) bool { return m.Context == c.Context })
	for i := range listed {
		if taken := &listed[i]; i != at && taken.Name == c.Name && (at < 0 || r.Named) {
			return none, fmt.Errorf("fleet %q has a member %s already, through context %q: choose another name with --name", r.Fleet, taken.Name, taken.Context)
		}
	}
	if at < 0 {
		member := v1alpha1.Member{Name: c.Name, Context: c.Context, Labels: maps.Clone(r.Labels), Server: c.Server, ClusterUID: c.UID}
		return memberChange(r.Fleet, c.Name, nil, &member), f.addMember(fleet, member)
	}
	before := f.config.Fleets[fleet].Members[at]
	if before.ClusterUID != "" && before.ClusterUID != c.UID {
		return none, &RefusedError{fmt.Errorf("context %q leads to another cluster (UID %s) than the one that joined fleet %q as %s (UID %s): unjoin %s first, if that cluster is gone",
			c.Context, c.UID, r.Fleet, listed[at].Name, before.ClusterUID, listed[at].Name)}
	}
	after, name := before, listed[at].Name
	after.Server, after.ClusterUID = c.Server, c.UID
	after.Labels = maps.Clone(before.Labels)
	if len(r.Labels) > 0 && after.Labels == nil {
		after.Labels = map[string]string{}
	}
	maps.Copy(after.Labels, r.Labels)
	if r.Named {
		after.Name, name = c.Name, c.Name
	}
	return memberChange(r.Fleet, name, &before, &after), f.setMember(fleet, at, after)
}

// onlyOnce refuses clusters of which two are one.
func onlyOnce(clusters []inventory.Cluster) error {
	for i := range clusters {
		for j := range clusters[:i] {
			a, b := &clusters[j], &clusters[i]
			if a.UID == b.UID {
				return &RefusedError{fmt.Errorf("contexts %q and %q are one cluster (UID %s)%s: join one of them", a.Context, b.Context, a.UID, elsewhere(a, b))}
			}
		}
	}
	return nil
}

// sameCluster refuses a cluster that is a member through another context. Of a
// member whose UID was never recorded the address decides.
func sameCluster(fleet string, m, c *inventory.Cluster) error {
	switch {
	case m.Context == c.Context:
	case m.UID != "" && m.UID == c.UID:
		return &RefusedError{fmt.Errorf("context %q is the cluster that is in fleet %q as %s, through context %q (UID %s)%s", c.Context, fleet, m.Name, m.Context, c.UID, elsewhere(m, c))}
	case m.UID == "" && m.Identity != "" && m.Identity == c.Identity:
		return &RefusedError{fmt.Errorf("context %q is at the address of %s, which is in fleet %q through context %q (%s)", c.Context, m.Name, fleet, m.Context, c.Server)}
	}
	return nil
}

// elsewhere says that one identity is at two addresses, if it is.
func elsewhere(a, b *inventory.Cluster) string {
	if a.Server == b.Server {
		return ""
	}
	return fmt.Sprintf(", but at another address (%s and %s), so a copy of it or a second way to it", a.Server, b.Server)
}
