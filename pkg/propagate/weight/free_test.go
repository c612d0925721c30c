package weight_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

func rooms(fit ...int64) []weight.Room {
	list := make([]weight.Room, len(fit))
	for i, n := range fit {
		list[i] = weight.Room{Cluster: string(rune('a' + i)), Fits: n}
	}
	return list
}

func TestByFree(t *testing.T) {
	for _, tc := range []struct {
		total int64
		rooms []weight.Room
		want  string
	}{
		{12, rooms(6, 12, 18), "a=2 b=4 c=6"}, // the example of Karmada's API
		{36, rooms(6, 12, 18), "a=6 b=12 c=18"},
		{35, rooms(6, 12, 18), "a=6 b=12 c=17"},
		{1, rooms(3, 3, 0), "a=1~ b=0~ c=0"},
		{0, rooms(0, 0), "a=0 b=0"},
		{0, nil, ""},
	} {
		shares, err := weight.ByFree(tc.total, tc.rooms)
		if got := show(shares); err != nil || got != tc.want {
			t.Errorf("%d by %v: %s, %v; want %s", tc.total, tc.rooms, got, err, tc.want)
		}
	}

	var short *weight.NoRoomError
	if shares, err := weight.ByFree(8, rooms(4, 3)); !errors.As(err, &short) || *short != (weight.NoRoomError{Total: 8, Fit: 7}) || !strings.Contains(err.Error(), "room for 7") {
		t.Errorf("%v, %v", shares, err)
	}
	for says, list := range map[string][]weight.Room{"negative": rooms(4, -3), "two weights": append(rooms(1), rooms(1)...)} {
		if shares, err := weight.ByFree(1, list); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, %v; want %q", list, shares, err, says)
		}
	}
	if shares, err := weight.ByFree(-1, rooms(4)); err == nil {
		t.Errorf("-1 replicas: %v", shares)
	}
}

func FuzzByFree(f *testing.F) {
	f.Add(uint64(10), []byte{90, 0, 11, 0})
	f.Add(uint64(99), []byte{1, 0, 98, 0, 0, 0})
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		var fit []int64
		sum := int64(0)
		for ; len(data) >= 2 && len(fit) < 20; data = data[2:] {
			fit = append(fit, int64(binary.LittleEndian.Uint16(data)))
			sum += fit[len(fit)-1]
		}
		total := int64(seed % (1 << 20))
		if total > sum && seed%2 == 0 {
			total = sum // the tightest
		}
		shares, err := weight.ByFree(total, rooms(fit...))
		if (err != nil) != (total > sum) {
			t.Fatalf("%d of %d: %v", total, sum, err)
		}
		given := int64(0)
		for i, s := range shares {
			given += s.Replicas
			if s.Replicas > fit[i] {
				t.Errorf("%d by %v: %s", total, fit, show(shares))
			}
		}
		if err == nil && given != total {
			t.Errorf("%d by %v: %s", total, fit, show(shares))
		}
	})
}

// resources are written as cpu=2 memory=1Gi.
func resources(t *testing.T, text string) corev1.ResourceList {
	t.Helper()
	list := corev1.ResourceList{}
	for field := range strings.FieldsSeq(text) {
		name, quantity, _ := strings.Cut(field, "=")
		parsed, err := resource.ParseQuantity(quantity)
		if err != nil {
			t.Fatal(err)
		}
		list[corev1.ResourceName(name)] = parsed
	}
	return list
}

func TestFits(t *testing.T) {
	type node struct{ has, taken string }
	for _, tc := range []struct {
		name     string
		nodes    []node
		requests string
		want     int64
	}{
		{"no nodes", nil, "cpu=1", 0},
		{"the scarcest counts", []node{{"cpu=4 memory=3Gi pods=110", "cpu=500m memory=0 pods=3"}}, "cpu=500m memory=1Gi", 3},
		{"pods are counted", []node{{"cpu=4 pods=10", "cpu=0 pods=8"}}, "cpu=1m", 2},
		{"nothing is requested", []node{{"cpu=4 pods=10", "pods=8"}}, "", 2},
		{"a request of nothing", []node{{"cpu=4 pods=10", ""}}, "cpu=0 example.com/gpu=0", 10},
		{"nodes are not one", []node{{"cpu=1500m pods=10", ""}, {"cpu=1500m pods=10", ""}}, "cpu=1", 2},
		{"more is taken than there is", []node{{"cpu=1 pods=10", "cpu=2"}, {"cpu=1 pods=1", "pods=4"}, {"cpu=1 pods=10", ""}}, "cpu=500m", 2},
		{"not every node has a GPU", []node{{"cpu=8 pods=10", ""}, {"cpu=8 pods=10 example.com/gpu=4", "example.com/gpu=1"}}, "cpu=1 example.com/gpu=2", 1},
		{"rounded up, as the scheduler does", []node{{"cpu=3m pods=10", ""}}, "cpu=1500u", 1},
		{"no pods", []node{{"cpu=8", ""}}, "cpu=1", 0},
		{"a pod is one pod", []node{{"cpu=8 pods=4", "pods=1"}}, "cpu=1 pods=3", 3},
		{"too many to count", []node{{"pods=8E", ""}, {"pods=8E", ""}}, "", 1<<63 - 1},
	} {
		var nodes []weight.NodeFree
		for _, n := range tc.nodes {
			nodes = append(nodes, weight.NodeFree{Allocatable: resources(t, n.has), Requested: resources(t, n.taken)})
		}
		if got := weight.Fits(nodes, resources(t, tc.requests)); got != tc.want {
			t.Errorf("%s: %d fit, want %d", tc.name, got, tc.want)
		}
	}
}
