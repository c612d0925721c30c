package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// write makes files below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindRoot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.mod":           moduleLine + "\n\ngo 1.26\n",
		"a/b/go.mod":       moduleLine + "/a/b\n",
		"a/b/c/nothing.go": "package c\n",
	})
	got, err := FindRoot(filepath.Join(dir, "a", "b", "c"))
	if err != nil || got != dir {
		t.Errorf("FindRoot = %q, %v; want %q", got, err, dir)
	}
	if _, err := FindRoot(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--root") {
		t.Errorf("FindRoot outside = %v, want a word about --root", err)
	}
}

const stacks = "test/testbed/stacks/"

func TestKubernetesByVersion(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		stacks + "kube/go.mod":      "module kube\n\nrequire k8s.io/kubernetes v1.36.3 // indirect\n",
		stacks + "kube/go.sum":      "",
		stacks + "kube-1.35/go.mod": "module kube135\n\nrequire (\n\tk8s.io/api v0.35.4\n\tk8s.io/kubernetes v1.35.4 // indirect\n)\n",
		stacks + "kube-1.35/go.sum": "",
	})
	for ask, want := range map[string]string{"": "v1.36.3", "1.36.3": "v1.36.3", "v1.35.4": "v1.35.4", "1.35.4": "v1.35.4"} {
		if _, got, err := Kubernetes(root, ask); err != nil || got != want {
			t.Errorf("Kubernetes(%q) = %s, %v; want %s", ask, got, err, want)
		}
	}
	_, _, err := Kubernetes(root, "1.30.0")
	if err == nil || !strings.Contains(err.Error(), "1.36.3") || !strings.Contains(err.Error(), "1.35.4") {
		t.Errorf("an unknown version: %v, want the known ones named", err)
	}
}

func TestKeyTellsProgramsApart(t *testing.T) {
	base := Program{Name: "a", Package: "example.com/a", Stack: Stack{Name: "s", mod: []byte("mod"), sum: []byte("sum")}, ldflags: "-X v=1"}
	same := base
	if same.key() != base.key() {
		t.Error("the key of one program changes")
	}
	for name, change := range map[string]func(*Program){
		"go.mod":                    func(p *Program) { p.Stack.mod = []byte("mod2") },
		"go.sum":                    func(p *Program) { p.Stack.sum = []byte("sum2") },
		"a byte moved between them": func(p *Program) { p.Stack.mod, p.Stack.sum = []byte("mods"), []byte("um") },
		"flags":                     func(p *Program) { p.ldflags = "-X v=2" },
		"package":                   func(p *Program) { p.Package = "example.com/b" },
		"kind, a folder":            func(p *Program) { p.Folder = "charts" },
	} {
		p := base
		change(&p)
		if p.key() == base.key() {
			t.Errorf("another %s gives the same key", name)
		}
	}
}

func TestKeyKnowsTheSource(t *testing.T) {
	root := t.TempDir()
	key := func(source string) string {
		write(t, root, map[string]string{stacks + "own/go.mod": "module example.com/own\n", stacks + "own/go.sum": "", stacks + "own/main.go": source})
		s, err := Load(root, "own")
		if err != nil {
			t.Fatal(err)
		}
		return Program{Name: "own", Package: "example.com/own", Stack: s}.key()
	}
	if one := key("package main\n"); one == key("package main\n\nfunc main() {}\n") || one != key("package main\n") {
		t.Error("a program of the stack's own folder is not built anew when its source changes, or else always")
	}
}

// Two builders at once build once, and what they leave runs; a third builds nothing and needs no Go.
func TestEnsure(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		stacks + "tiny/go.mod":        "module example.com/tiny\n\ngo 1.26\n",
		stacks + "tiny/go.sum":        "",
		stacks + "tiny/hello/main.go": "package main\n\nvar v = \"?\"\n\nfunc main() { print(v) }\n",
	})
	s, err := Load(root, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	programs := []Program{{Name: "hello", Package: "example.com/tiny/hello", Stack: s, ldflags: "-X main.v=one"}}
	cache := Cache{t.TempDir()}
	var (
		mu  sync.Mutex
		log []string
		wg  sync.WaitGroup
	)
	logf := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, fmt.Sprintf(format, args...))
	}
	for range 3 {
		wg.Go(func() {
			if _, err := cache.Ensure(t.Context(), programs, logf); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(strings.Join(log, "\n"), "built hello"); n != 1 {
		t.Errorf("built %d times, want once:\n%s", n, strings.Join(log, "\n"))
	}

	t.Setenv("PATH", "")
	log = nil
	paths, err := cache.Ensure(t.Context(), programs, logf)
	if err != nil || len(log) != 0 {
		t.Fatalf("a second time: %v, said %q", err, log)
	}
	if out, err := exec.CommandContext(t.Context(), paths[0]).CombinedOutput(); err != nil || string(out) != "one" {
		t.Errorf("the program prints %q, %v", out, err)
	}
	left, err := filepath.Glob(filepath.Join(cache.Dir, "*", "*.building-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestEnsureSaysWhatDoesNotBuild(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		stacks + "bad/go.mod":  "module example.com/bad\n\ngo 1.26\n",
		stacks + "bad/go.sum":  "",
		stacks + "bad/main.go": "package main\n\nfunc main() { nonsense() }\n",
	})
	s, err := Load(root, "bad")
	if err != nil {
		t.Fatal(err)
	}
	cache := Cache{t.TempDir()}
	_, err = cache.Ensure(t.Context(), []Program{{Name: "bad", Package: "example.com/bad", Stack: s}}, t.Logf)
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "stacks/bad") {
		t.Errorf("error %v, want the compiler's words and the stack", err)
	}
}
