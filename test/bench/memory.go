package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// treeMemory runs a program that starts others and returns the most memory that
// all of them had at once: proportional, so that what they share counts once.
func (l *lab) treeMemory(ctx context.Context, s scenario, p program) (int64, error) {
	cmd := l.command(ctx, s, p)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var peak int64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return peak, err
		case <-tick.C:
			peak = max(peak, groupMemory(cmd.Process.Pid))
		}
	}
}

// groupMemory adds up the processes of a group.
func groupMemory(group int) int64 {
	var sum int64
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range processes {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			sum += proportional(folder)
		}
	}
	return sum
}

// proportional is the memory of one process, in bytes; 0 if it has ended.
func proportional(folder string) int64 {
	text, err := os.ReadFile(filepath.Join(folder, "smaps_rollup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
