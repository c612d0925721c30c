package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// nowhere is how a cluster is reached that is never asked.
type nowhere struct{}

func (nowhere) RESTConfig(context.Context) (*rest.Config, error) {
	return &rest.Config{Host: "http://127.0.0.1:1"}, nil
}

// The first cluster is alone; then some have their turn at once, until too many have
// failed: the others have none.
func TestTurns(t *testing.T) {
	for name, test := range map[string]struct {
		order   Order
		fail    []string
		wrong   string // whose removal goes wrong
		most    int    // at work at once, after the first
		skipped []string
	}{
		"all go well":                     {Order{Clusters: 2, Failures: 1}, nil, "", 2, nil},
		"more at once":                    {Order{Clusters: 4, Failures: 1}, nil, "", 4, nil},
		"the first fails":                 {Order{Clusters: 4, Failures: 1}, []string{"c1"}, "", 0, []string{"c2", "c3", "c4", "c5"}},
		"the first fails, and one may":    {Order{Clusters: 4, Failures: 2}, []string{"c1"}, "", 4, nil},
		"two fail":                        {Order{Clusters: 2, Failures: 2}, []string{"c1", "c2"}, "", 2, []string{"c4", "c5"}},
		"one fails while another at work": {Order{Clusters: 2, Failures: 1}, []string{"c3"}, "", 2, []string{"c4", "c5"}},
		"another machine goes":            {Order{Clusters: 2, Failures: 5}, []string{"c1"}, "c1", 0, []string{"c2", "c3", "c4", "c5"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := Fleet{Members: member.NewPool(member.Options{})}
				for i := range 5 {
					f.Clusters = append(f.Clusters, inventory.Cluster{Name: fmt.Sprintf("c%d", i+1), Server: "http://127.0.0.1:1", Access: nowhere{}})
				}
				var mu sync.Mutex
				now, most, withFirst := 0, 0, 0
				results := turns(t.Context(), f, test.order, func(_ context.Context, c inventory.Cluster, _ *member.Member) (Outcome, error) {
					fails := slices.Contains(test.fail, c.Name)
					mu.Lock()
					now++
					if c.Name == "c1" {
						withFirst = now
					} else {
						most = max(most, now)
					}
					mu.Unlock()
					if fails {
						time.Sleep(time.Second)
					} else {
						time.Sleep(2 * time.Second)
					}
					mu.Lock()
					defer mu.Unlock()
					if c.Name == "c1" {
						withFirst = max(withFirst, now)
					}
					now--
					switch {
					case c.Name == test.wrong:
						return Outcome{}, &UnfinishedError{Nodes: []string{"n"}, Err: &remove.WrongError{Err: errors.New("another machine goes")}}
					case fails:
						return Outcome{}, errors.New("it fails")
					}
					return Outcome{}, nil
				})
				var skipped []string
				for _, r := range results {
					if _, is := errors.AsType[*fanout.SkippedError](r.Err); is {
						skipped = append(skipped, r.Cluster.Name)
					}
				}
				if withFirst != 1 || most != test.most || !slices.Equal(skipped, test.skipped) || len(results) != 5 {
					t.Errorf("with the first %d, later %d at once, skipped %v; want 1, %d, %v", withFirst, most, skipped, test.most, test.skipped)
				}
			})
		})
	}
}
