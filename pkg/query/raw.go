package query

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// RawAnswer is what one cluster answered to a path.
type RawAnswer struct {
	Cluster string
	Body    []byte
}

// Raw asks every cluster for a path, with its query if it has one, as it is.
// The answers are in the order asked; clusters that failed have none.
func Raw(ctx context.Context, f Fleet, path string) ([]RawAnswer, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) ([]byte, error) {
		return m.Raw(ctx, path)
	})
	var answers []RawAnswer
	for _, result := range results {
		if result.Err == nil {
			answers = append(answers, RawAnswer{Cluster: result.Cluster.Name, Body: result.Value})
		}
	}
	return answers, Report{Asked: len(results), Failures: results.Failures(nil), Shown: len(answers)}
}
