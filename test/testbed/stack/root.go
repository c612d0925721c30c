// Package stack finds, builds and keeps the programs that a testbed runs.
//
// A stack is a Go module of its own under test/testbed/stacks: its go.mod pins everything that goes into its programs, and nothing of
// it reaches the main module.
package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const moduleLine = "module github.com/kubectl-fleet/kubectl-fleet"

// FindRoot walks up from dir to the folder of the project's own go.mod, below which the stacks are.
func FindRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := start; ; at = filepath.Dir(at) {
		b, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil {
			first, _, _ := strings.Cut(string(b), "\n")
			if strings.TrimSpace(first) == moduleLine {
				return at, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod of the project in %s or above: run inside a checkout of kubectl-fleet, or name one with --root", start)
		}
	}
}
