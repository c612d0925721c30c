package query

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Versions asks every cluster for its version, and nothing else.
func Versions(ctx context.Context, f Fleet) ([]v1alpha1.Cluster, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (string, error) {
		info, err := m.Version(ctx)
		if err != nil {
			return "", err
		}
		return info.GitVersion, nil
	})
	clusters := make([]v1alpha1.Cluster, len(results))
	for i, result := range results {
		clusters[i] = entryOf(result.Cluster)
		clusters[i].Status.Version = result.Value
		if result.Err != nil {
			clusters[i].Status.Phase = string(member.ReasonOf(result.Err))
		}
	}
	return clusters, Report{Asked: len(results), Failures: results.Failures(nil)}
}
