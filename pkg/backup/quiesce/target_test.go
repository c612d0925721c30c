package quiesce

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is for a machine whose cores are busy with something else.
const patience = time.Minute

// target is what a container has: a shell, its programs, a place for holds, and an application that is still while a file is there.
type target struct {
	name, dir, shell string
	path             string
}

// targets are one for each shell that the machine has. Busybox brings its own programs.
func targets(t *testing.T) []target {
	t.Helper()
	var all []target
	for _, name := range []string{"dash", "bash", "busybox"} {
		shell, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		bin := t.TempDir()
		c := target{name: name, dir: t.TempDir(), shell: filepath.Join(bin, "sh"), path: bin + ":" + os.Getenv("PATH")}
		if name == "busybox" {
			c.path = bin
			if out, err := exec.CommandContext(t.Context(), shell, "--install", "-s", bin).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		} else if err := os.Symlink(shell, c.shell); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		t.Fatal("there is neither dash nor bash here")
	}
	return all
}

// script is a hold whose freeze makes the file, and whose release removes it.
func (c target) script() script {
	return script{
		run: "run-1", token: "me", place: "kubectl-fleet.uid.main.0.0", roots: [2]string{c.dir, c.dir}, ttl: time.Hour, timeout: 5 * time.Second,
		freeze: []string{"touch", c.still()}, release: c.sh("echo x >>%[1]s/releases; rm -f %[1]s/still"), probe: []string{"test", "-e", c.still()},
	}
}

func (c target) still() string { return filepath.Join(c.dir, "still") }

// sh is a command of the shell, which knows the folder as %[1]s.
func (c target) sh(format string) []string { return []string{"sh", "-c", fmt.Sprintf(format, c.dir)} }

func (c target) isStill() bool {
	_, err := os.Stat(c.still())
	return err == nil
}

func (c target) releases() int {
	text, _ := os.ReadFile(filepath.Join(c.dir, "releases")) // none is none
	return strings.Count(string(text), "x")
}

// start has the shell do its part, and does not wait.
func (c target) start(t *testing.T, s script, role string) (*exec.Cmd, *answer) {
	t.Helper()
	said := &answer{run: s.run}
	cmd := exec.CommandContext(t.Context(), c.shell, s.command(role)[1:]...)
	cmd.Env = []string{"PATH=" + c.path}
	cmd.Stdout, cmd.Stderr = &said.words, &said.noises
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, said
}

// ask has the shell do its part, and waits for all that it says.
func (c target) ask(t *testing.T, s script, role string) *answer {
	t.Helper()
	cmd, said := c.start(t, s, role)
	_ = cmd.Wait() // the word counts
	return said
}

// free asks for the release as a run does: again if the deadman's, that ran beside it, has ended it.
func (c target) free(t *testing.T, s script) *answer {
	t.Helper()
	freed := c.ask(t, s, roleFree)
	for range tries - 1 {
		if !freed.has(wordThawed) {
			freed = c.ask(t, s, roleFree)
		}
	}
	freed.want(t, wordThawed)
	return freed
}

func (a *answer) want(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		if !a.has(word) {
			t.Fatalf("it has not said %q, but %q, and %q", word, a.words.String(), a.noises.String())
		}
	}
}

func (a *answer) wantNot(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		if a.has(word) {
			t.Fatalf("it has said %q: %q, and %q", word, a.words.String(), a.noises.String())
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// ends makes sure that nothing that counts is left when the test is over.
func (c target) ends(t *testing.T, s script) {
	t.Helper()
	t.Cleanup(func() {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), c.shell, s.command(roleFree)[1:]...)
		cmd.Env = []string{"PATH=" + c.path}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		eventually(t, "no deadman is left", func() bool { return len(c.watchdogs(t)) == 0 })
	})
}

// watchdogs are the processes that count, of this target.
func (c target) watchdogs(t *testing.T) []int {
	t.Helper()
	var pids []int
	files, err := filepath.Glob(filepath.Join(c.dir, "kubectl-fleet.*", "watchdog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may just be written
		first, _, _ := strings.Cut(string(text), " ")
		if pid, err := strconv.Atoi(first); err == nil && runsProcess(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func runsProcess(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
