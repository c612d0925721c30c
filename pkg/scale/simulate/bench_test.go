package simulate

import (
	"fmt"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// many is a cluster of n nodes in three zones that are half full: pods of eight
// sizes, of ReplicaSets of 30.
func many(nodes, pods int, change ...func(*corev1.Pod)) Cluster {
	var c Cluster
	for i := range nodes {
		name := fmt.Sprintf("n-%04d", i)
		c.Nodes = append(c.Nodes, node(name, fmt.Sprintf("z%d", i%3), "60"))
		for k := range pods {
			app := fmt.Sprintf("app-%d", (i*pods+k)%(nodes*pods/30))
			c.Pods = append(c.Pods, pod(fmt.Sprintf("p-%d-%d", i, k), name, app, fmt.Sprintf("%dm", 550+100*(k%8)), change...))
		}
	}
	for i := range nodes * pods / 30 {
		c.ReplicaSets = append(c.ReplicaSets, replicaSet(fmt.Sprintf("app-%d", i)))
	}
	return c
}

func benchmark(b *testing.B, c Cluster, leave int) {
	b.Helper()
	names := make([]string, leave)
	by := map[string][]*corev1.Pod{}
	for _, p := range c.Pods {
		by[p.Spec.NodeName] = append(by[p.Spec.NodeName], p)
	}
	var leaving []Leaving
	for i := range names {
		leaving = append(leaving, Leaving{Node: c.Nodes[i].Name, Pods: by[c.Nodes[i].Name]})
	}
	e, err := New(b.Context(), c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	before := used(b)
	for b.Loop() {
		p, err := e.Place(b.Context(), leaving)
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range p.Moves {
			if m.Verdict == NoPlace {
				b.Fatalf("%+v", m.Blocked)
			}
		}
	}
	after := used(b)
	b.ReportMetric(float64(after.cpu-before.cpu)/float64(b.N), "cpu-ns/op") // others may be busy beside us
	b.ReportMetric(float64(after.memory)/(1<<20), "max-MB")
}

// usage is what the process has had so far.
type usage struct{ cpu, memory int64 }

func used(b *testing.B) usage {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return usage{cpu: r.Utime.Nano() + r.Stime.Nano(), memory: r.Maxrss << 10}
}

func BenchmarkPlace(b *testing.B) {
	b.Run("1000x30/remove=100", func(b *testing.B) { benchmark(b, many(1000, 30), 100) })
	b.Run("1000x30/remove=100/spread", func(b *testing.B) { benchmark(b, many(1000, 30, evenly), 100) })
	b.Run("5000x30/remove=500", func(b *testing.B) { benchmark(b, many(5000, 30), 500) })
}
