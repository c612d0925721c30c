package query

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortKeys(t *testing.T) {
	s, err := newSorter("spec.x")
	if err != nil {
		t.Fatal(err)
	}
	object := func(x any) map[string]any { return map[string]any{"spec": map[string]any{"x": x}} }
	ordered := []map[string]any{
		{}, // no such field
		object(false), object(true),
		object(int64(-1)), object(1.5), object(int64(9)), object(int64(10)),
		object("100m"), object("2"), object("1Ki"),
		object("2026-11-20T10:00:00Z"), object("2026-11-20T11:00:00Z"), object("abc"), object("b"),
	}
	shuffled := slices.Clone(ordered)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortStableFunc(shuffled, func(a, b map[string]any) int { return s.key(a).compare(s.key(b)) })
	for i := range ordered {
		if s.key(shuffled[i]).compare(s.key(ordered[i])) != 0 {
			t.Errorf("place %d has %v, want %v", i, shuffled[i], ordered[i])
		}
	}
}

func TestNewSorter(t *testing.T) {
	for _, good := range []string{".metadata.name", "{.metadata.name}", "metadata.name", ".spec.containers[0].name", `.metadata.labels.app\.kubernetes\.io/name`} {
		if _, err := newSorter(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"{.a", ".a["} {
		if _, err := newSorter(bad); err == nil {
			t.Errorf("%s is let through", bad)
		}
	}
}
