package quiesce

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever armed it is killed while the freeze runs: the freeze goes on, and the deadman ends it.
func TestOrchestratorKilled(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.ttl = 3 * time.Second
			s.freeze = c.sh("sleep 1; touch %[1]s/still %[1]s/was")
			c.ends(t, s)
			cmd, said := c.start(t, s, roleArm)
			eventually(t, "it is armed", func() bool { return said.has(wordArmed) })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			eventually(t, "it is still", func() bool {
				_, err := os.Stat(filepath.Join(c.dir, "was"))
				return err == nil
			})
			eventually(t, "it is released", func() bool { return !c.isStill() })
			c.ask(t, s, roleCheck).want(t, wordFired)
		})
	}
}

func TestFreezeFails(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.freeze = c.sh("touch %[1]s/still; echo frozen run-1; echo the valve is stuck >&2; exit 3")
			c.ends(t, s)
			armed := c.ask(t, s, roleArm)
			armed.want(t, wordArmed, wordUnfrozen)
			armed.wantNot(t, wordFrozen) // what a program says is none of our words
			if why, _ := armed.unfrozen(); !strings.Contains(why, "exit code 3") || !strings.Contains(why, "the valve is stuck") {
				t.Errorf("why: %s", why)
			}
			c.ask(t, s, roleCheck).want(t, wordUnfrozen)
			c.ask(t, s, roleFree).want(t, wordReleased, wordThawed)
			if c.isStill() {
				t.Error("half of the freeze was not taken back")
			}
		})
	}
}

// A freeze that hangs is ended before the release, with all that it has started.
func TestFreezeHangs(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.freeze = c.sh("echo $$ >%[1]s/pid; { sleep 1; touch %[1]s/still; } & sleep 1000; touch %[1]s/still")
			c.ends(t, s)
			cmd, said := c.start(t, s, roleArm)
			pid := 0
			eventually(t, "the freeze runs", func() bool {
				text, _ := os.ReadFile(filepath.Join(c.dir, "pid")) // not yet
				pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
				return pid != 0
			})
			freed := c.ask(t, s, roleFree)
			freed.want(t, wordReleased, wordThawed)
			eventually(t, "the freeze is dead", func() bool { return !runsProcess(pid) })
			if err := cmd.Wait(); err != nil && said.has(wordFrozen) {
				t.Error(err)
			}
			said.wantNot(t, wordFrozen)
			time.Sleep(1500 * time.Millisecond)
			if c.isStill() {
				t.Error("it was frozen after its release")
			}
		})
	}
}

// A freeze that comes after the release does not begin.
func TestFreezeLate(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			freed := c.ask(t, s, roleFree)
			freed.want(t, wordNone, wordThawed)
			freed.wantNot(t, wordReleased)
			armed := c.ask(t, s, roleArm)
			armed.want(t, wordExists)
			armed.wantNot(t, wordArmed, wordFrozen)
			if c.isStill() {
				t.Error("it was frozen after its release")
			}
			c.ask(t, s, roleCheck).want(t, wordNone)
		})
	}
}

// What an action says is read to its end, and hardly any of it is kept. What it leaves running is not waited for.
func TestFlood(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.freeze = c.sh("dd if=/dev/zero bs=65536 count=512; touch %[1]s/still; sleep 1000 & echo $! >%[1]s/left")
			s.release = c.sh("dd if=/dev/zero bs=65536 count=512; rm -f %[1]s/still; kill $(cat %[1]s/left)")
			c.ends(t, s)
			armed := c.ask(t, s, roleArm)
			armed.want(t, wordFrozen)
			at, _ := armed.word(wordArmed)
			if info, err := os.Stat(filepath.Join(at, "freeze.said")); err != nil || info.Size() == 0 || info.Size() > bound {
				t.Errorf("kept: %v, %v", info, err)
			}
			c.ask(t, s, roleFree).want(t, wordReleased, wordThawed)
		})
	}
}

// A release is killed half way, as is whoever asked for it: the end is made, and the deadman thaws.
func TestReleaseKilled(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.ttl, s.timeout = 3*time.Second, time.Second
			s.release = c.sh("if mkdir %[1]s/first 2>/dev/null; then echo $$ >%[1]s/pid; sleep 1000; fi; rm -f %[1]s/still")
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			cmd, said := c.start(t, s, roleFree)
			eventually(t, "the release runs", func() bool {
				info, err := os.Stat(filepath.Join(c.dir, "pid"))
				return err == nil && info.Size() > 0
			})
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			text, err := os.ReadFile(filepath.Join(c.dir, "pid"))
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if group, err := syscall.Getpgid(pid); err == nil { // else the deadman was quicker
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
			said.wantNot(t, wordThawed)
			eventually(t, "it is released", func() bool { return !c.isStill() })
			freed := c.free(t, s)
			freed.want(t, wordReleased)
			freed.wantNot(t, wordFired)
		})
	}
}

// A release that hangs is ended by the next one.
func TestReleaseHangs(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.release = c.sh("if mkdir %[1]s/first 2>/dev/null; then sleep 1000; fi; rm -f %[1]s/still")
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			cmd, _ := c.start(t, s, roleFree)
			eventually(t, "the release runs", func() bool {
				_, err := os.Stat(filepath.Join(c.dir, "first"))
				return err == nil
			})
			c.ask(t, s, roleFree).want(t, wordReleased, wordThawed)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if c.isStill() {
				t.Error("it is still")
			}
		})
	}
}

// A release that fails is no release, unless the probe says that nothing is still. It can be tried again.
func TestReleaseFails(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.release = c.sh("if mkdir %[1]s/first 2>/dev/null; then echo no way >&2; exit 4; fi; rm -f %[1]s/still")
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			freed := c.ask(t, s, roleFree)
			freed.want(t, wordReleased, wordUnthawed, wordHeld)
			if !strings.Contains(freed.noise(), "no way") {
				t.Errorf("noise: %q", freed.noise())
			}
			freed = c.ask(t, s, roleFree)
			freed.want(t, wordReleased, wordThawed)
			freed.wantNot(t, wordHeld, wordUnthawed)
		})
	}
}

// Without its deadman a hold is none.
func TestDeadmanKilled(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			for _, pid := range c.watchdogs(t) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "it is dead", func() bool { return len(c.watchdogs(t)) == 0 })
			checked := c.ask(t, s, roleCheck)
			checked.want(t, wordUnwatched)
			checked.wantNot(t, wordFrozen)
			c.ask(t, s, roleFree).want(t, wordThawed)
		})
	}
}

// A freeze whose hold ends while it is started does not begin, and is not said to have ended.
func TestFreezeFindsTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hold := filepath.Join(c.dir, "hold")
			if err := os.MkdirAll(filepath.Join(hold, "end"), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), c.shell, append(c.script().command("freezing")[1:], hold)...)
			cmd.Env = []string{"PATH=" + c.path}
			if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 || c.isStill() {
				t.Errorf("still: %t, says %q, %v", c.isStill(), said, err)
			}
			if _, err := os.Stat(filepath.Join(hold, "freeze.pid")); err != nil {
				t.Error(err) // whoever ends a hold looks there
			}
		})
	}
}
