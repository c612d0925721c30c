package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

// say prints to stdout, which is this program's result.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stdout, format+"\n", args...)
}

func printMachine() {
	say("%s, %d cores of %s, %s of memory.\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), ofProc("/proc/cpuinfo", "model name"), memoryOfMachine())
}

func memoryOfMachine() string {
	var kilobytes int64
	if _, err := fmt.Sscan(ofProc("/proc/meminfo", "MemTotal"), &kilobytes); err != nil {
		return "an unknown amount"
	}
	return fmt.Sprintf("%.0f GiB", float64(kilobytes)/(1<<20))
}

// ofProc finds a value in a file of "key: value" lines.
func ofProc(path, key string) string {
	file, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, is := strings.Cut(lines.Text(), ":"); is && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func printResults(s scenario, m []results) {
	say("### %s\n", s.title)
	columns := []string{"wall, s", "CPU, s", "peak memory, MB"}
	if s.counts != nil {
		columns = append(columns, s.counts.columns...)
	}
	say("| # | | %s |", strings.Join(columns, " | "))
	say("|---|---%s|", strings.Repeat("|---", len(columns)))
	for i, p := range s.programs {
		peak := spread(sorted(m[i], func(s sample) float64 { return float64(s.peak) / megabyte }), "%.0f")
		if p.tree {
			peak = fmt.Sprintf("%d, all processes", m[i].peak()/megabyte)
		}
		cells := []string{
			spread(sorted(m[i], func(s sample) float64 { return s.wall.Seconds() }), "%.2f"),
			spread(sorted(m[i], func(s sample) float64 { return s.cpu.Seconds() }), "%.2f"), peak,
		}
		for at := range columns[len(cells):] {
			cells = append(cells, spread(sorted(m[i], func(s sample) float64 { return s.counts[at] }), "%.0f"))
		}
		say("| %d | %s | %s |", i+1, p.name, strings.Join(cells, " | "))
	}
	say("\n| target | measured | |")
	say("|---|---|---|")
	for _, t := range s.targets {
		measured, ok := t.keeps(m)
		say("| %s | %s | %s |", t.text, measured, mark(ok))
	}
	say("")
}

// spread shows the least, the median and the most of sorted values; a dash if they are
// no numbers: there is nothing to count.
func spread(values []float64, format string) string {
	if math.IsNaN(values[len(values)-1]) {
		return "–"
	}
	if len(values) == 1 {
		return fmt.Sprintf(format, values[0])
	}
	return fmt.Sprintf(format+" · **"+format+"** · "+format, values[0], values[len(values)/2], values[len(values)-1])
}

func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗ missed"
}

// printSize tells how large the program is: `make build` strips it.
func (l *lab) printSize() error {
	info, err := os.Stat(l.program("kubectl-fleet"))
	if err != nil {
		return err
	}
	say("### Size of the program\n\n| target | measured | |\n|---|---|---|")
	say("| at most 36 MB, stripped | %.1f MB | %s |", float64(info.Size())/megabyte, mark(info.Size() <= 36*megabyte))
	return nil
}
