package scale

import (
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// How often a budget may have to be refilled while a wave is emptied. Its nodes share
// what budgets allow, and pods that wait for their turn run as before; but all of a wave
// are removed together, so that a slow budget holds up the others. Where they are kept
// nobody waits.
const (
	refills     = 4
	refillsKept = 1 << 20
)

// waves shares nodes out to waves, in their order. The nodes of a wave are of one
// zone, at most a third of its workers, at most parallel, and together need no more
// of any budget than it can spare in some refills: of what it spares now for the first
// wave, and later when all its pods are healthy again, for which each wave waits. A
// node that needs more by itself has a wave of its own. The result has a number from 1
// for each node.
func waves(nodes []candidate.Candidate, workers map[string]int, budgets *budget.Index, parallel, often int) []int {
	numbers := make([]int, len(nodes))
	needs := make([]map[*budget.Budget]int, len(nodes))
	for i, n := range nodes {
		needs[i] = candidate.Need(n.Contents.Evicted(), budgets)
	}
	left := len(nodes)
	for wave := 1; left > 0; wave++ {
		used := map[*budget.Budget]int{}
		zone, size := "", 0
		for i, n := range nodes {
			if numbers[i] != 0 {
				continue
			}
			if size > 0 && (n.Zone() != zone || size >= parallel || size >= third(workers[zone]) || overdraws(used, needs[i], often, wave == 1)) {
				continue
			}
			zone = n.Zone()
			numbers[i] = wave
			size++
			left--
			for b, need := range needs[i] {
				used[b] += need
			}
			if overdraws(nil, needs[i], often, wave == 1) { // by itself
				break
			}
		}
	}
	return numbers
}

// third is the part of a zone that may be missing at once.
func third(workers int) int { return max(1, (workers+2)/3) }

// overdraws is true if a node would need more of a budget, beside what is used, than
// it spares in some refills.
func overdraws(used, need map[*budget.Budget]int, often int, now bool) bool {
	for b, n := range need {
		if used[b]+n > often*spare(b, now) {
			return true
		}
	}
	return false
}

// spare is what a budget allows at once. One that allows nothing now is waited for.
func spare(b *budget.Budget, now bool) int {
	if allowed := b.Allowed(); now && allowed > 0 {
		return allowed
	}
	return b.Ever()
}
