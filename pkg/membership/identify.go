package membership

import (
	"context"
	"errors"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Identify asks clusters who they are and returns them with their UIDs. One that
// does not answer, or not to this question, is a failure.
func Identify(ctx context.Context, clusters []inventory.Cluster, members *member.Pool, o fanout.Options) ([]inventory.Cluster, []fanout.Failure) {
	results := fanout.Collect(ctx, clusters, o, func(ctx context.Context, c inventory.Cluster) (string, error) {
		m, err := members.Member(ctx, c)
		if err != nil {
			return "", err
		}
		identity, err := m.Identity(ctx)
		if err == nil && identity.UID == "" {
			err = &member.Error{Reason: member.ReasonInvalidAnswer, Err: errors.New("its namespace kube-system has no UID")}
		}
		return identity.UID, err
	})
	var identified []inventory.Cluster
	for _, r := range results {
		if r.Err == nil {
			r.Cluster.UID = r.Value
			identified = append(identified, r.Cluster)
		}
	}
	return identified, results.Failures(nil)
}
