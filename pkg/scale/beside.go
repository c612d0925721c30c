package scale

import (
	"cmp"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
)

// atOnce is how many nodes of a cluster are read or marked at once: what a distant one
// needs to be through with many of them before somebody who has interrupted gives up.
const atOnce = 16

// outcomes are the errors of what was done for some nodes, nil for those with none.
type outcomes []error

// first is the error of the first node that has one.
func (o outcomes) first() error { return cmp.Or(o...) }

// sideBySide does something for several nodes at once, for all of them whatever fails.
func sideBySide(nodes []*journal.Node, do func(*journal.Node) error) outcomes {
	errs := make(outcomes, len(nodes))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, n := range nodes {
		group.Go(func() error {
			errs[i] = do(n)
			return nil
		})
	}
	_ = group.Wait() // each has its own
	return errs
}
