// Package process starts, finds again and ends programs that outlive the program that started them.
//
// A program is known by its process id and the time it started, both read from /proc: a number that has been given to another
// program since is never mistaken for ours, and nothing is ever looked up by name.
package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// State is what a process does right now.
type State string

const (
	// Running is a process that exists and may be given the processor.
	Running State = "running"
	// Stopped is a process halted by SIGSTOP: its sockets accept, and nothing answers.
	Stopped State = "stopped"
	// Gone is a process that has ended, or whose number another program has now.
	Gone State = "gone"
)

// ErrGone is returned when a process no longer exists to take a signal.
var ErrGone = errors.New("process is gone")

// Identity names one process for as long as the machine keeps no other record of it.
type Identity struct {
	PID int `json:"pid"`
	// Start is when the process started, in clock ticks since boot (field 22 of /proc/PID/stat). An exec does not change it.
	Start uint64 `json:"start"`
	// Boot is the id of the boot in which Start was read.
	Boot string `json:"boot"`
}

// Of reads the identity of a process that exists. It returns ErrGone when there is none.
func Of(pid int) (Identity, error) {
	s, err := readStat(pid)
	if err != nil {
		return Identity{}, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Identity{}, fmt.Errorf("read the boot id (the testbed needs Linux with /proc): %w", err)
	}
	return Identity{PID: pid, Start: s.start, Boot: strings.TrimSpace(string(boot))}, nil
}

// State tells whether the process is still the one that was recorded, and what it does.
// A process that has ended but was not yet reaped by its parent counts as Gone.
func (id Identity) State() State {
	now, err := Of(id.PID)
	if err != nil || now != id {
		return Gone
	}
	s, err := readStat(id.PID)
	switch {
	case err != nil || s.ended():
		return Gone
	case s.state == 'T' || s.state == 't':
		return Stopped
	}
	return Running
}

// Signal sends sig to the process, or returns ErrGone. The handle is taken before the start time is compared, so that the signal
// cannot reach a program that got the number in between.
func (id Identity) Signal(sig syscall.Signal) error {
	p, err := os.FindProcess(id.PID)
	if err != nil {
		return ErrGone
	}
	defer func() { _ = p.Release() }()
	if id.State() == Gone {
		return ErrGone
	}
	if err := p.Signal(sig); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return ErrGone
		}
		return fmt.Errorf("send %s to process %d: %w", sig, id.PID, err)
	}
	return nil
}

type stat struct {
	state   byte
	session int
	threads int
	start   uint64
}

// ended tells whether the whole process is over. The first thread of a killed process may be a zombie while others, which still hold
// its sockets open, are not through.
func (s stat) ended() bool { return s.state == 'X' || s.state == 'Z' && s.threads <= 1 }

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, ErrGone
	}
	return parseStat(string(b))
}

// parseStat reads one line of /proc/PID/stat. The program's name is in parentheses and may itself hold spaces and parentheses, so
// the fields are counted from the last one.
func parseStat(line string) (stat, error) {
	_, rest, ok := cutLast(line, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, fmt.Errorf("unexpected line in /proc/PID/stat: %q", line)
	}
	session, err := strconv.Atoi(fields[3])
	if err != nil {
		return stat{}, fmt.Errorf("session in /proc/PID/stat: %w", err)
	}
	threads, err := strconv.Atoi(fields[17])
	if err != nil {
		return stat{}, fmt.Errorf("threads in /proc/PID/stat: %w", err)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("start time in /proc/PID/stat: %w", err)
	}
	return stat{state: fields[0][0], session: session, threads: threads, start: start}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
