package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
)

// lab is what measurements are made with.
type lab struct {
	bed      *bed.Bed
	kubectl  string
	programs string
	scratch  string
	// order and ready are the stdin and stdout of the stand-in servers that are up.
	order io.Writer
	ready *bufio.Reader
}

// scenario is some programs that do the same work, and what is expected of the
// first.
type scenario struct {
	title string
	// standin are the arguments of the stand-in servers; nil: the testbed.
	standin []string
	// kubeconfig is another than the testbed's; empty: that.
	kubeconfig string
	programs   []program
	targets    []target
	// begin and end come before and after all runs, reset after each of them; nil:
	// there is nothing to do. None of it is measured.
	begin, reset, end func(context.Context) error
	// atMost: it takes minutes, and is run no more often than that, and not to warm up; 0: as
	// often as is asked for.
	atMost int
	// counts is what is counted beside time; nil: nothing.
	counts *counts
}

// call calls what may be nil.
func call(ctx context.Context, do func(context.Context) error) error {
	if do == nil {
		return nil
	}
	return do(ctx)
}

// program is one contender.
type program struct {
	name    string
	command []string
	// code is the exit code that is right.
	code int
	// tree: it starts others, and memory is that of all.
	tree bool
	// terminal: what counts is when the first row is on the terminal.
	terminal bool
}

// target is a number that the first program should keep.
type target struct {
	text string
	// keeps says what was measured, and whether it is good enough.
	keeps func(m []results) (measured string, ok bool)
}

const (
	ours      = "kubectl-fleet"
	megabyte  = 1 << 20
	kubectlIs = "kubectl get"
)

func (l *lab) program(name string) string { return filepath.Join(l.programs, name) }

// kubeconfig is where the kubeconfig of a scenario is.
func (l *lab) kubeconfig(s scenario) string {
	if s.kubeconfig != "" {
		return s.kubeconfig
	}
	if s.standin == nil {
		return l.bed.Kubeconfig()
	}
	return filepath.Join(l.scratch, "standin.kubeconfig")
}

func (l *lab) fleet(args ...string) program {
	return program{name: ours, command: append([]string{l.program("kubectl-fleet")}, args...)}
}

func (l *lab) one(args ...string) program {
	return program{name: kubectlIs, command: append([]string{l.kubectl}, args...)}
}

// loop is kubectl over all clusters, eight at a time.
func (l *lab) loop(clusters int, prefix, args string) program {
	text := fmt.Sprintf("printf '%s\\n' $(seq 1 %d) | xargs -P8 -I{} %s --context {} %s", prefix, clusters, l.kubectl, args)
	return program{name: "xargs -P8 kubectl", command: []string{"sh", "-c", text}, tree: true}
}

func (l *lab) download(kubeconfig, path, include string) program {
	return program{name: "download", command: []string{l.program("download"), "-kubeconfig", kubeconfig, "-path", path, "-include", include}}
}

// The scenarios, in the order of docs/benchmarks.md.
func (l *lab) scenarios() []scenario {
	standin := filepath.Join(l.scratch, "standin.kubeconfig")
	return []scenario{
		{
			title: "8 real clusters × 2,000 pods: `get pods -A`",
			programs: []program{
				l.fleet("get", "pods", "-A"), l.download(l.bed.Kubeconfig(), "/api/v1/pods", "Metadata"), l.loop(8, "c%s", "get pods -A"),
			},
			targets: []target{wallWithin(1.2, 1), fasterThan(2.5, 2), memoryWithin(0.25, 2)},
		},
		{
			title: "8 real clusters, one namespace of 200 pods: `get pods -n`",
			programs: []program{
				l.fleet("get", "pods", "-n", "seed-001"), l.download(l.bed.Kubeconfig(), "/api/v1/namespaces/seed-001/pods", "None"),
				l.loop(8, "c%s", "get pods -n seed-001"),
			},
			targets: []target{fasterThan(6, 2)},
		},
		{
			title:    "one real cluster, 2,000 pods: `get pods -A`",
			programs: []program{l.fleet("get", "pods", "-A", "--context", "c1"), l.one("get", "pods", "-A", "--context", "c1")},
			targets:  []target{wallWithin(1, 1)},
		},
		{
			title:    "one real cluster, one namespace of 200 pods: `get pods -n`",
			programs: []program{l.fleet("get", "pods", "-n", "seed-001", "--context", "c1"), l.one("get", "pods", "-n", "seed-001", "--context", "c1")},
			targets:  []target{wallWithin(1, 1)},
		},
		{
			title:   "50 stand-in servers, 30 ms away, × 1,000 pods: `get pods -A`",
			standin: []string{"-n", "50", "-pods", "1000", "-latency", "30ms"},
			programs: []program{
				l.fleet("get", "pods", "-A"), l.download(standin, "/api/v1/pods", "Metadata"), l.loop(50, "s%03d", "get pods -A"),
			},
			targets: []target{wallWithin(1.2, 1), memoryBelow(100)},
		},
		{
			title:   "10 live stand-in servers and one that hangs: `get pods -A --cluster-timeout 3s`",
			standin: []string{"-n", "10", "-pods", "1000", "-hung", "1"},
			programs: []program{
				{name: ours, command: l.fleet("get", "pods", "-A", "--cluster-timeout", "3s").command, code: 3},
				{name: ours + ", first row on a terminal", command: l.fleet("get", "pods", "-A", "--cluster-timeout", "3s").command, code: 3, terminal: true},
				{name: ours + " without the one that hangs", command: l.fleet("get", "pods", "-A", "-C", "^s011").command},
			},
			targets: []target{deadline(3*time.Second, 300*time.Millisecond), firstRow(1.2, time.Second)},
		},
		{
			title:   "10 stand-in servers × 10,000 pods: `get pods -A -o json`",
			standin: []string{"-n", "10", "-pods", "10000"},
			programs: []program{
				l.fleet("get", "pods", "-A", "-o", "json"),
				{name: "kubectl get, one of the ten", command: l.one("get", "pods", "-A", "-o", "json", "--context", "s001").command},
			},
			targets: []target{memoryBelow(150)},
		},
		{
			title: "Start-up: `version`",
			programs: []program{
				l.fleet("version"), {name: "the smallest client-go program", command: []string{l.program("smallest")}},
				{name: "kubectl version --client", command: l.one("version", "--client").command},
			},
			targets: []target{wallWithin(2, 1)},
		},
	}
}
