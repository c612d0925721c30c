package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/target"
)

// canary writes the set's word into the members while everything is still. One that
// cannot is no worse for it: it is not asked for the word after a restore. If none
// can, there is no word, and that is an error of the policy.
func (r *run) canary(ctx context.Context) error {
	c := r.policy.Spec.Canary
	if c == nil {
		return nil
	}
	word := r.set + "-" + rand.String(8)
	var asked []*part
	for _, p := range r.live() {
		if policy.For(c.Clusters, p.cluster.Name) {
			asked = append(asked, p)
		}
	}
	failures := make([]error, len(asked))
	r.each(ctx, asked, func(ctx context.Context, p *part) error {
		i := slices.Index(asked, p)
		ctx, cancel := context.WithTimeout(ctx, policy.DefaultTimeout)
		defer cancel()
		_, failures[i] = target.Ask(ctx, p.member, c.Namespace, c.Selector, c.Container, append(slices.Clone(c.Write), word))
		p.own().Canary = failures[i] == nil
		return nil
	})
	var why []string
	for i, err := range failures {
		if err != nil {
			why = append(why, fmt.Sprintf("%s: %v", asked[i].cluster.Name, err))
		}
	}
	if len(why) == len(asked) && len(asked) > 0 {
		return fmt.Errorf("the canary's word could not be written anywhere: %s", strings.Join(why, "; "))
	}
	for _, p := range r.live() {
		p.journal.Status.Canary = word
	}
	return nil
}
