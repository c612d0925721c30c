// Package weight divides replicas among clusters as Karmada's scheduler does. It
// is arithmetic: it knows no objects, and asks nobody.
package weight

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Weight is how much of the whole a cluster is to have, beside the others.
type Weight struct {
	Cluster string
	Weight  int64
}

// Share is what a cluster has of the whole.
type Share struct {
	Cluster  string
	Replicas int64
	// Tied says that the cluster has as much claim to its last replica, or to one
	// more, as others of the same weight, and that its name decided. Karmada decides
	// by a hash, so that there the names may count backwards.
	Tied bool
}

// Split divides total by the method of Webster (Sainte-Laguë), as Karmada divides
// by static weights since 1.16: one replica after the other goes to the cluster
// with the largest weight/(2*replicas+1); of equal ones to that with fewer
// replicas, and of those to the first by name. The shares add up to total, and are
// in the order of weights. One replica more takes none from anybody.
//
// A cluster whose share is 0 is among the shares; Karmada leaves it out.
func Split(total int64, weights []Weight) ([]Share, error) {
	sum, err := check(total, weights)
	if err != nil {
		return nil, err
	}
	parties := make([]*party, 0, len(weights))
	for _, w := range weights {
		if w.Weight > 0 {
			parties = append(parties, &party{cluster: w.Cluster, weight: uint64(w.Weight)})
		}
	}
	if total > 0 {
		apportion(uint64(total), sum, parties)
	}

	byName := make(map[string]uint64, len(parties))
	cut := map[uint64]bool{} // weights whose clusters have not all the same
	first := map[uint64]uint64{}
	for _, p := range parties {
		byName[p.cluster] = p.seats
		if seats, seen := first[p.weight]; seen && seats != p.seats {
			cut[p.weight] = true
		}
		first[p.weight] = p.seats
	}
	shares := make([]Share, len(weights))
	for i, w := range weights {
		shares[i] = Share{Cluster: w.Cluster, Replicas: int64(byName[w.Cluster]), Tied: cut[uint64(w.Weight)]}
	}
	return shares, nil
}

// check refuses what cannot be divided, and adds the weights up.
func check(total int64, weights []Weight) (sum uint64, err error) {
	if total < 0 {
		return 0, fmt.Errorf("%d replicas cannot be divided", total)
	}
	seen := make(map[string]bool, len(weights))
	for _, w := range weights {
		switch {
		case seen[w.Cluster]:
			return 0, fmt.Errorf("cluster %s has two weights", w.Cluster)
		case w.Weight < 0:
			return 0, fmt.Errorf("the weight of cluster %s is negative: %d", w.Cluster, w.Weight)
		}
		seen[w.Cluster] = true
		if sum += uint64(w.Weight); sum > math.MaxInt64 {
			return 0, fmt.Errorf("the weights add up to more than %d", int64(math.MaxInt64))
		}
	}
	if sum == 0 && total > 0 {
		return 0, fmt.Errorf("%d replicas, and no cluster with a weight above 0", total)
	}
	return sum, nil
}

// party is a cluster with a weight above 0; seats are its replicas.
type party struct {
	cluster       string
	weight, seats uint64
}

// apportion gives out total seats.
//
// The seats that are worth d/2 or more are floor(weight/d + 1/2) of each party.
// They are the first to be given out, whatever d is, if they are not more than
// total; with d = sum/(total - n/2) they are not, and fewer than n are left, to be
// given out singly. So the time does not depend on total.
func apportion(total, sum uint64, parties []*party) {
	left := total
	if n := uint64(len(parties)); 2*total > n {
		for _, p := range parties {
			// 1/2 more than weight/d, over the denominator 2*sum.
			hi, lo := bits.Mul64(p.weight, 2*total-n)
			lo, carry := bits.Add64(lo, sum, 0)
			p.seats, _ = bits.Div64(hi+carry, lo, 2*sum)
			left -= p.seats
		}
	}
	for ; left > 0; left-- {
		slices.MinFunc(parties, byClaim).seats++
	}
}

// byClaim has first who is to have the next seat.
func byClaim(a, b *party) int {
	// a.weight/(2*a.seats+1) against b's, without rounding.
	aHi, aLo := bits.Mul64(a.weight, 2*b.seats+1)
	bHi, bLo := bits.Mul64(b.weight, 2*a.seats+1)
	return cmp.Or(cmp.Compare(bHi, aHi), cmp.Compare(bLo, aLo), cmp.Compare(a.seats, b.seats), cmp.Compare(a.cluster, b.cluster))
}
