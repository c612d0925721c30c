package port

import (
	"net"
	"testing"
)

func TestReserve(t *testing.T) {
	a, first, err := Reserve(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, second, err := Reserve(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	seen := map[int]bool{}
	for _, p := range append(first, second...) {
		if seen[p] || p < lowest || p > highest {
			t.Errorf("port %d is given twice or out of range", p)
		}
		seen[p] = true
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", Address(p)); err == nil {
			_ = l.Close()
			t.Errorf("port %d is not held", p)
		}
	}
	a.Release(first[0])
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", Address(first[0]))
	if err != nil {
		t.Fatalf("a released port cannot be used: %v", err)
	}
	_ = l.Close()
}
