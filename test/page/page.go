// Package page runs the commands of a page of docs/ with what a test has prepared for
// them, and compares what they say with what the page shows.
package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// Run runs the commands of docs/NAME.md, one after the other in one shell.
func (s Shell) Run(t *testing.T, name string) {
	t.Helper()
	root, err := stack.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	found := commands(string(text))
	if len(found) == 0 {
		t.Fatal("the page has no commands")
	}
	rest := s.output(t, found)
	for _, c := range found {
		said, behind, ended := strings.Cut(rest, mark+"\n")
		if !ended {
			t.Fatalf("line %d: the shell did not come to its end: %s", c.line, said)
		}
		rest = behind
		if c.want != nil && !says(said, c.want) {
			t.Errorf("line %d: $ %s\n%s\nthe page shows\n%s", c.line, c.text, said, strings.Join(c.want, "\n"))
		}
	}
}
