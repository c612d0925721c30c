package fleetscale_test

import (
	"fmt"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/proof/life"
)

// A run that is killed is resumed to the end of one that nobody has killed: here at a
// few of its writes, in test/proof/scale at all of them, for every way in which nodes
// go.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		at    int
		after bool
	}{{4, true}, {9, false}, {16, true}} {
		t.Run(fmt.Sprintf("at %d, %t", test.at, test.after), func(t *testing.T) {
			t.Parallel()
			if writes, killed := life.Lead(t, life.ByNode(t), test.at, test.after); !killed {
				t.Errorf("it wrote %d times, and was not killed", writes)
			}
		})
	}
}
