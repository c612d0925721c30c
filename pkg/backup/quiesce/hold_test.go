package quiesce

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestHold(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			c.ends(t, s)
			armed := c.ask(t, s, roleArm)
			armed.want(t, wordArmed, wordFrozen)
			at, _ := armed.word(wordArmed)
			if _, err := os.Stat(filepath.Join(at, "watchdog")); err != nil {
				t.Error(err)
			}
			if !c.isStill() {
				t.Fatal("it is not still")
			}
			c.ask(t, s, roleCheck).want(t, wordFrozen)
			for range 2 { // harmless twice
				freed := c.ask(t, s, roleFree)
				freed.want(t, wordReleased, wordThawed)
				if token, _ := freed.word(wordReleased); token != "me" {
					t.Errorf("released by %q", token)
				}
				freed.wantNot(t, wordHeld)
			}
			if c.isStill() || c.releases() != 1 {
				t.Errorf("still: %t after %d releases", c.isStill(), c.releases())
			}
			late := s
			late.token = "another"
			if token, _ := c.ask(t, late, roleFree).word(wordReleased); token != "me" {
				t.Errorf("another process hears that %q has released it", token)
			}
			checked := c.ask(t, s, roleCheck)
			checked.want(t, wordReleased)
			checked.wantNot(t, wordFrozen)
		})
	}
}

// What is swept is what nobody needs any more.
func TestNextRun(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			next := s
			next.run = "run-2"
			c.ends(t, next)
			first := filepath.Join(c.dir, "*.run-1.*")
			c.ask(t, next, roleArm).want(t, wordFrozen)
			if found, _ := filepath.Glob(first); len(found) != 1 {
				t.Fatal("a hold that is not over is swept away")
			}
			c.ask(t, s, roleFree).want(t, wordThawed)
			c.ask(t, next, roleFree).want(t, wordThawed)
			eventually(t, "no deadman is left", func() bool { return len(c.watchdogs(t)) == 0 })
			next.run = "run-3"
			c.ends(t, next)
			c.ask(t, next, roleArm).want(t, wordFrozen)
			if found, _ := filepath.Glob(first); len(found) != 0 {
				t.Errorf("left behind: %v", found)
			}
		})
	}
}

// The deadman releases what nobody else has, and says so for ever after.
func TestDeadman(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.ttl = time.Second
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			eventually(t, "it is released", func() bool { return !c.isStill() })
			checked := c.ask(t, s, roleCheck)
			checked.want(t, wordFired)
			checked.wantNot(t, wordFrozen)
			eventually(t, "the deadman has done", func() bool { return len(c.watchdogs(t)) == 0 })
			freed := c.ask(t, s, roleFree)
			freed.want(t, wordFired, wordThawed)
			freed.wantNot(t, wordReleased)
			if c.releases() != 1 {
				t.Errorf("%d releases", c.releases())
			}
		})
	}
}

// Whatever ends a hold first, both know who it was.
func TestRace(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fired, released := 0, 0
			for i := range 4 {
				s := c.script()
				s.run = fmt.Sprintf("run-%d", i)
				s.ttl = time.Second
				c.ask(t, s, roleArm).want(t, wordFrozen)
				time.Sleep(time.Duration(840+60*i) * time.Millisecond)
				freed := c.free(t, s)
				checked := c.ask(t, s, roleCheck)
				switch {
				case freed.has(wordFired):
					fired++
					checked.want(t, wordFired)
				default:
					released++
					freed.want(t, wordReleased)
					checked.want(t, wordReleased)
				}
				if c.isStill() {
					t.Fatal("it is still")
				}
			}
			t.Logf("%d fired, %d released", fired, released)
			eventually(t, "no deadman is left", func() bool { return len(c.watchdogs(t)) == 0 })
		})
	}
}

// Two that release at once run the release, and agree on who did.
func TestTwoRelease(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i := range 3 {
				s := c.script()
				s.run = fmt.Sprintf("run-%d", i)
				c.ends(t, s)
				c.ask(t, s, roleArm).want(t, wordFrozen)
				other := s
				other.token = "another"
				cmd, one := c.start(t, s, roleFree)
				two := c.ask(t, other, roleFree)
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
				oneSays, _ := one.word(wordReleased)
				twoSays, _ := two.word(wordReleased)
				if oneSays != twoSays || oneSays == "" {
					t.Errorf("released by %q, and by %q", oneSays, twoSays)
				}
				c.ask(t, s, roleFree).want(t, wordThawed)
				if c.isStill() {
					t.Fatal("it is still")
				}
			}
		})
	}
}

// Another hand thaws: the probe says so.
func TestProbe(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			if err := os.Remove(c.still()); err != nil {
				t.Fatal(err)
			}
			checked := c.ask(t, s, roleCheck)
			checked.want(t, wordUnfrozen)
			checked.wantNot(t, wordFrozen)
		})
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			s.freeze = []string{"no-such-program"}
			if what, _ := c.ask(t, s, roleArm).word(wordLacks); what != "no-such-program" {
				t.Errorf("it lacks %q", what)
			}
			s = c.script()
			s.roots = [2]string{"/no/such/folder", "/proc"}
			c.ask(t, s, roleArm).want(t, wordLacks)
			s.roots[1] = c.dir
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
		})
	}
}

// A word of a command reaches its program as it is.
func TestWordsArePassedOn(t *testing.T) {
	t.Parallel()
	for _, c := range targets(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.script()
			word := "it's \"$HOME\" \\n `id`\n*; &"
			s.freeze = []string{"sh", "-c", `printf %s "$1" >"$2/word"; touch "$2/still"`, "sh", word, c.dir}
			c.ends(t, s)
			c.ask(t, s, roleArm).want(t, wordFrozen)
			if got, err := os.ReadFile(filepath.Join(c.dir, "word")); err != nil || string(got) != word {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
