package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/filelock"
)

// Ensure returns the paths of all programs, in their order, building those that are not in the cache: one after the other, for a
// single link of Kubernetes takes every core and gigabytes of memory. It logs one line for each that it builds, and nothing when
// there is nothing to build. Several processes may call it at once.
func (c Cache) Ensure(ctx context.Context, programs []Program, log func(format string, args ...any)) ([]string, error) {
	paths := make([]string, len(programs))
	for i, p := range programs {
		paths[i] = c.Path(p)
		if _, err := os.Stat(paths[i]); err == nil {
			continue
		}
		if err := c.build(ctx, p, log); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func (c Cache) build(ctx context.Context, p Program, log func(format string, args ...any)) error {
	folder, path := c.folder(p), c.Path(p)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	lock, err := filelock.Acquire(ctx, path+".lock", func() { log("wait for another process that builds %s", p.Name) })
	if err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	log("build %s %s ...", p.Name, p.Version)
	began := time.Now()
	// A builder that was killed leaves its folder; only the holder of the lock can have a living one.
	stale, err := filepath.Glob(path + ".building-*")
	if err != nil {
		return err
	}
	for _, d := range stale {
		_ = os.RemoveAll(d)
	}
	temp, err := os.MkdirTemp(folder, p.Name+".building-")
	if err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	out := filepath.Join(temp, p.Name)

	if p.Folder != "" {
		err = p.copyFolder(ctx, out)
	} else {
		err = p.compile(ctx, out)
	}
	if err != nil {
		return fmt.Errorf("build %s in test/testbed/stacks/%s: %w", p.Name, p.Stack.Name, err)
	}
	// Only a whole program ever gets its name.
	if err := os.Rename(out, path); err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	log("built %s %s in %.1f s", p.Name, p.Version, time.Since(began).Seconds())
	return nil
}

func (p Program) compile(ctx context.Context, out string) error {
	_, err := p.goCommand(ctx, append([]string{"build", "-o", out}, p.buildArgs()...)...)
	return err
}

// copyFolder takes a folder out of a module that the stack requires, at the version that it pins.
func (p Program) copyFolder(ctx context.Context, out string) error {
	answer, err := p.goCommand(ctx, "mod", "download", "-json", p.Package)
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(answer, &module); err != nil {
		return err
	}
	if module.Dir == "" {
		return fmt.Errorf("go mod download does not say where %s is", p.Package)
	}
	return os.CopyFS(out, os.DirFS(filepath.Join(module.Dir, p.Folder)))
}

// goCommand runs go in the stack's module and returns what it prints.
func (p Program) goCommand(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.Stack.dir
	// The caller's own settings must not decide what comes out: cgo ties a program to this machine's C library.
	cgo := "CGO_ENABLED=0"
	if p.CGO {
		cgo = "CGO_ENABLED=1"
	}
	cmd.Env = append(os.Environ(), cgo, "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout, err
}
