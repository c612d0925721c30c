package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " 1 10 20 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 14 0 98765 1000 200 18446744073709551615"
	for name, line := range map[string]string{
		"plain":                  "42 (etcd) T" + tail,
		"spaces and parentheses": "42 (a) S 1 (b c) T" + tail,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(line)
			if want := (stat{state: 'T', session: 20, threads: 14, start: 98765}); err != nil || got != want {
				t.Errorf("parseStat = %+v, %v; want %+v", got, err, want)
			}
		})
	}
	for _, line := range []string{"", "42 etcd T 1", "42 (etcd) T 1 2 3", "42 (etcd) T 1 10 x" + tail} {
		if got, err := parseStat(line); err == nil {
			t.Errorf("parseStat(%q) = %+v, want an error", line, got)
		}
	}
}

// A process whose first thread has ended is not over while others hold its sockets.
func TestEnded(t *testing.T) {
	for s, want := range map[stat]bool{
		{state: 'Z', threads: 1}: true, {state: 'X'}: true, {state: 'Z', threads: 5}: false,
		{state: 'S', threads: 5}: false, {state: 'T', threads: 1}: false,
	} {
		if got := s.ended(); got != want {
			t.Errorf("%c with %d threads: ended %t, want %t", s.state, s.threads, got, want)
		}
	}
}

// start runs a shell command as a unit and ends it with the test.
func start(t *testing.T, command string) (Unit, string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "unit.json")
	u, err := Start(file, Spec{Path: "/bin/sh", Args: []string{"-c", command}, Env: []string{"PATH=" + os.Getenv("PATH")}, Log: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Kill(context.WithoutCancel(t.Context())) })
	return u, file
}

func TestUnitIsFoundAgain(t *testing.T) {
	u, file := start(t, "exec sleep 60")
	got, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Identity != u.Identity || got.State() != Running {
		t.Errorf("loaded %+v (%s), want %+v running", got.Identity, got.State(), u.Identity)
	}
}

// A number that another program has now must never get a signal: the start time or the boot tells them apart.
func TestAnotherProgramIsNotAdopted(t *testing.T) {
	u, _ := start(t, "exec sleep 60")
	for name, other := range map[string]Identity{
		"started at another time": {PID: u.PID, Start: u.Start + 1, Boot: u.Boot},
		"of another boot":         {PID: u.PID, Start: u.Start, Boot: "no such boot"},
		"that never was":          {PID: 1 << 30, Start: u.Start, Boot: u.Boot},
	} {
		t.Run(name, func(t *testing.T) {
			if s := other.State(); s != Gone {
				t.Errorf("state %s, want gone", s)
			}
			if err := other.Signal(syscall.SIGKILL); !errors.Is(err, ErrGone) {
				t.Errorf("Signal = %v, want ErrGone", err)
			}
			if err := other.Stop(t.Context(), time.Second); err != nil {
				t.Errorf("Stop = %v, want nil", err)
			}
		})
	}
	if u.State() != Running {
		t.Fatal("the program was hit by a signal meant for another")
	}
}

func TestStopEndsAStoppedProgram(t *testing.T) {
	u, _ := start(t, "exec sleep 60")
	if err := u.Halt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := u.State(); s != Stopped {
		t.Fatalf("%s after Halt", s)
	}
	began := time.Now()
	if err := u.Stop(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if u.State() != Gone || time.Since(began) > 4*time.Second {
		t.Errorf("%s after %s, want gone at once", u.State(), time.Since(began))
	}
}

func TestStopKillsWhatIgnoresItAndItsChildren(t *testing.T) {
	u, _ := start(t, `trap "" TERM; sleep 60 & wait; sleep 60`)
	var children []Identity
	eventually(t, func() bool { children = u.sessionMembers(); return len(children) == 1 })
	if err := u.Stop(t.Context(), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return u.State() == Gone && children[0].State() == Gone })
}

// What a killed program left behind goes with it at last; what only has the number of its session is not touched.
func TestRemainsOfWhatWasKilled(t *testing.T) {
	u, _ := start(t, "sleep 60 & env -i sleep 60 & wait")
	var own, foreign Identity
	eventually(t, func() bool {
		for _, m := range u.sessionMembers() {
			switch environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", m.PID)); {
			case err != nil:
			case len(environment) == 0:
				foreign = m
			default:
				own = m
			}
		}
		return own.PID > 0 && foreign.PID > 0 && own != foreign
	})
	t.Cleanup(func() { _ = foreign.Kill(context.WithoutCancel(t.Context())) })
	if err := u.Identity.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if own.State() == Gone {
		t.Fatal("the child ended by itself: the test shows nothing")
	}
	if err := u.Stop(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return own.State() == Gone })
	if foreign.State() == Gone {
		t.Error("a program of another environment was ended")
	}
}

// What is started must not run when its starter died before it could write the record.
func TestGateStaysShutWithoutAStarter(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", gate, "sh", "/bin/echo", "it ran")
	var out strings.Builder
	cmd.Stdout, cmd.ExtraFiles = &out, []*os.File{r}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	_ = w.Close()
	if err := cmd.Wait(); err == nil || out.String() != "" {
		t.Errorf("error %v, output %q: the program ran", err, out.String())
	}
}

func TestMemory(t *testing.T) {
	u, _ := start(t, "exec sleep 60")
	if m, err := u.Memory(); err != nil || m < 1024 || m > 1<<30 {
		t.Errorf("Memory = %d, %v", m, err)
	}
	if m, err := (Identity{PID: 1 << 30}).Memory(); err != nil || m != 0 {
		t.Errorf("Memory of nothing = %d, %v; want 0", m, err)
	}
}

func TestLoadAllOfNothing(t *testing.T) {
	if units, err := LoadAll(filepath.Join(t.TempDir(), "none")); err != nil || len(units) != 0 {
		t.Errorf("LoadAll = %v, %v", units, err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("did not come true within 5 s")
}
