package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Stack is one module of pinned programs.
type Stack struct {
	// Name is its folder under test/testbed/stacks.
	Name string
	dir  string
	mod  []byte
	sum  []byte
	// sources are the Go files of its folder, if a program of our own is built there.
	sources [][]byte
}

// Load reads the stack of that name below the project's root.
func Load(root, name string) (Stack, error) {
	s := Stack{Name: name, dir: filepath.Join(root, "test", "testbed", "stacks", name)}
	var err error
	if s.mod, err = os.ReadFile(filepath.Join(s.dir, "go.mod")); err != nil {
		return s, fmt.Errorf("stack %s: %w", name, err)
	}
	if s.sum, err = os.ReadFile(filepath.Join(s.dir, "go.sum")); err != nil {
		return s, fmt.Errorf("stack %s: %w", name, err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.go"))
	if err != nil {
		return s, fmt.Errorf("stack %s: %w", name, err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return s, fmt.Errorf("stack %s: %w", name, err)
		}
		s.sources = append(s.sources, source)
	}
	return s, nil
}

// Version is the version at which the stack pins a module, with its leading v.
func (s Stack) Version(module string) (string, error) {
	line := regexp.MustCompile(`(?m)^(?:require)?\s+` + regexp.QuoteMeta(module) + `\s+(v\S+)`)
	m := line.FindSubmatch(s.mod)
	if m == nil {
		return "", fmt.Errorf("stack %s does not require %s: add it to %s/go.mod", s.Name, module, s.dir)
	}
	return string(m[1]), nil
}

const kubernetes = "k8s.io/kubernetes"

// defaultKubernetes is the stack that also holds what every version of Kubernetes runs with: etcd, kwok and kubectl.
const defaultKubernetes = "kube"

// Kubernetes finds the stack that pins a version of Kubernetes, written with or without a leading v, and returns that version
// with one. The empty version means the default. An unknown one is refused with the list of those there are.
func Kubernetes(root, version string) (Stack, string, error) {
	dirs, err := filepath.Glob(filepath.Join(root, "test", "testbed", "stacks", defaultKubernetes+"*"))
	if err != nil {
		return Stack{}, "", err
	}
	var known []string
	for _, d := range dirs {
		s, err := Load(root, filepath.Base(d))
		if err != nil {
			return Stack{}, "", err
		}
		v, err := s.Version(kubernetes)
		if err != nil {
			return Stack{}, "", err
		}
		if version == "" && s.Name == defaultKubernetes || strings.TrimPrefix(version, "v") == v[1:] {
			return s, v, nil
		}
		known = append(known, v[1:])
	}
	return Stack{}, "", fmt.Errorf("no stack pins Kubernetes %q; there are %s: add one under test/testbed/stacks as docs/testbed.md says", version, strings.Join(known, ", "))
}
