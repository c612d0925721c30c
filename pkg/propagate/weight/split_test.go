package weight_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// weights are of clusters named a, b, c, ...
func weights(of ...int64) []weight.Weight {
	list := make([]weight.Weight, len(of))
	for i, w := range of {
		list[i] = weight.Weight{Cluster: string(rune('a' + i)), Weight: w}
	}
	return list
}

// show is a=1 b=2~, with a ~ where there was a tie.
func show(shares []weight.Share) string {
	var parts []string
	for _, s := range shares {
		tie := ""
		if s.Tied {
			tie = "~"
		}
		parts = append(parts, fmt.Sprintf("%s=%d%s", s.Cluster, s.Replicas, tie))
	}
	return strings.Join(parts, " ")
}

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		total   int64
		weights []weight.Weight
		want    string
	}{
		{10, weights(90, 10), "a=9 b=1"},
		{1, weights(90, 10), "a=1 b=0"},
		{5, weights(90, 10), "a=4 b=1"}, // 90/9 for the fifth of a, 10/1 for the first of b: b has fewer
		{9, weights(1, 2), "a=3 b=6"},
		{0, weights(1, 2), "a=0 b=0"},
		{0, weights(0), "a=0"},
		{0, nil, ""},
		{7, weights(0, 1, 0), "a=0 b=7 c=0"},
		// Ties of equal weights go by name, and are marked.
		{1, weights(1, 1), "a=1~ b=0~"},
		{2, weights(1, 1), "a=1 b=1"},
		{4, weights(1, 1, 1), "a=2~ b=1~ c=1~"},
		{5, weights(1, 1, 1), "a=2~ b=2~ c=1~"},
		{3, weights(1, 4, 1), "a=1~ b=2 c=0~"},
		{3, []weight.Weight{{Cluster: "z", Weight: 5}, {Cluster: "y", Weight: 5}}, "z=1~ y=2~"},
		// Of different weights they go to who has fewer, as Karmada's do: no name decides.
		{2, weights(3, 1), "a=1 b=1"},
		// The example of Sainte-Laguë.
		{7, weights(53000, 24000, 23000), "a=3 b=2 c=2"},
		// Without a loop over the replicas, and without overflow.
		{1_000_000_000, weights(1, 2), "a=333333333 b=666666667"},
		{math.MaxInt64, weights(1<<31, 1<<31, 0, 1), "a=4611686017353646080 b=4611686017353646080 c=0 d=2147483647"},
		{math.MaxInt64, weights(1, math.MaxInt64-1), "a=1 b=9223372036854775806"},
		{math.MaxInt64 - 1, weights(math.MaxInt64), "a=9223372036854775806"},
	} {
		shares, err := weight.Split(tc.total, tc.weights)
		if got := show(shares); err != nil || got != tc.want {
			t.Errorf("%d by %v: %s, %v; want %s", tc.total, tc.weights, got, err, tc.want)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, tc := range []struct {
		total   int64
		weights []weight.Weight
		says    string
	}{
		{-1, weights(1), "-1 replicas"},
		{1, weights(2, -1), "cluster b is negative"},
		{1, weights(0, 0), "no cluster with a weight above 0"},
		{1, nil, "no cluster with a weight above 0"},
		{1, append(weights(1, 2), weights(1)...), "cluster a has two weights"},
		{1, weights(math.MaxInt64, 1), "add up to more"},
		{1, weights(math.MaxInt64, math.MaxInt64, math.MaxInt64), "add up to more"},
	} {
		shares, err := weight.Split(tc.total, tc.weights)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%d by %v: %v, %v; want an error with %q", tc.total, tc.weights, shares, err, tc.says)
		}
	}
}

// plainSplit is the method as it is defined, one replica after the other.
func plainSplit(total int64, weights []weight.Weight) map[string]int64 {
	seats := map[string]int64{}
	for range total {
		best := weights[0]
		for _, w := range weights[1:] {
			claim, other := w.Weight*(2*seats[best.Cluster]+1), best.Weight*(2*seats[w.Cluster]+1)
			if claim > other || claim == other && (seats[w.Cluster] < seats[best.Cluster] || seats[w.Cluster] == seats[best.Cluster] && w.Cluster < best.Cluster) {
				best = w
			}
		}
		seats[best.Cluster]++
	}
	return seats
}

// fuzzWeights reads weights out of what the fuzzer makes, and sees that equal ones
// are among them.
func fuzzWeights(data []byte) []weight.Weight {
	var of []int64
	for ; len(data) >= 4 && len(of) < 20; data = data[4:] {
		w := int64(binary.LittleEndian.Uint32(data))
		if w%5 == 0 {
			w %= 7
		}
		of = append(of, w)
	}
	return weights(of...)
}

func FuzzSplit(f *testing.F) {
	f.Add(uint64(10), []byte{90, 0, 0, 0, 11, 0, 0, 0})
	f.Add(uint64(4), []byte{5, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0})
	f.Add(uint64(math.MaxInt64-1), []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		list := fuzzWeights(data)
		var sum int64
		for _, w := range list {
			sum += w.Weight
		}
		if sum == 0 {
			return
		}
		for _, total := range []int64{int64(seed % 100), int64(seed % math.MaxInt64)} {
			shares, err := weight.Split(total, list)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, total, sum, list, shares)
			more, err := weight.Split(total+1, list)
			if err != nil {
				t.Fatal(err)
			}
			for i := range shares {
				if more[i].Replicas < shares[i].Replicas {
					t.Errorf("%d by %v: %s; with one more %s", total, list, show(shares), show(more))
				}
			}
			turned := slices.Clone(list)
			slices.Reverse(turned)
			backwards, err := weight.Split(total, turned)
			slices.Reverse(backwards)
			if err != nil || !slices.Equal(backwards, shares) {
				t.Errorf("%d by %v: %s; in another order %s, %v", total, list, show(shares), show(backwards), err)
			}
			if total >= 100 {
				continue
			}
			for want := plainSplit(total, list); len(shares) > 0; shares = shares[1:] {
				if shares[0].Replicas != want[shares[0].Cluster] {
					t.Fatalf("%d by %v: %s; one by one: %v", total, list, show(shares), want)
				}
			}
		}
	})
}

// holds checks that all is given out, in proportion, and what is said of ties.
func holds(t *testing.T, total, sum int64, list []weight.Weight, shares []weight.Share) {
	t.Helper()
	if len(shares) != len(list) {
		t.Fatalf("%d shares of %d clusters", len(shares), len(list))
	}
	given, voters := int64(0), int64(0)
	for i, s := range shares {
		given += s.Replicas
		if list[i].Weight > 0 {
			voters++
		}
		if s.Cluster != list[i].Cluster || s.Replicas < 0 || list[i].Weight == 0 && s.Replicas > 0 {
			t.Errorf("%v has %+v", list[i], s)
		}
	}
	if given != total {
		t.Errorf("%d by %v: %s are %d", total, list, show(shares), given)
	}
	product := func(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }
	for i, s := range shares {
		// |replicas - total*weight/sum| <= 1/2 + voters/2 * weight/sum
		off := new(big.Int).Sub(product(s.Replicas, sum), product(total, list[i].Weight))
		off.Abs(off).Lsh(off, 1)
		if off.Cmp(new(big.Int).Add(big.NewInt(sum), product(voters, list[i].Weight))) > 0 {
			t.Errorf("%d by %v: %s is out of proportion", total, list, show(shares[i:i+1]))
		}
		tied := false
		for j, other := range shares {
			tied = tied || list[i].Weight == list[j].Weight && s.Replicas != other.Replicas
			// Nobody would rather have the last replica of another: Webster's own
			// criterion.
			mine := new(big.Int).Mul(big.NewInt(list[i].Weight), new(big.Int).Sub(product(2, other.Replicas), big.NewInt(1)))
			theirs := new(big.Int).Mul(big.NewInt(list[j].Weight), new(big.Int).Add(product(2, s.Replicas), big.NewInt(1)))
			if other.Replicas > 0 && mine.Cmp(theirs) > 0 {
				t.Errorf("%d by %v: %s; %s has one that is %s's", total, list, show(shares), other.Cluster, s.Cluster)
			}
		}
		if s.Tied != tied {
			t.Errorf("%d by %v: %s: a tie of %s is %v", total, list, show(shares), s.Cluster, tied)
		}
	}
}
