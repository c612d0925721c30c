package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// What write leaves, compare accepts; and compare names every kind of drift.
func TestTree(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, referenceFolder, name) }
	if err := os.MkdirAll(path(""), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("old.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	generated := tree{referenceFolder + "/a.md": []byte("a\n"), referenceFolder + "/b.md": []byte("b\n")}
	if err := generated.write(root); err != nil {
		t.Fatal(err)
	}
	if err := generated.compare(root); err != nil {
		t.Errorf("after write: %v", err)
	}
	if err := os.Rename(path("a.md"), path("c.md")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("b.md"), []byte("by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := generated.compare(root)
	for _, want := range []string{"a.md is missing", "b.md is out of date", "c.md is not generated"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// The repository's own description is good, and a page of the reference tells
// nothing of the machine that wrote it.
func TestRepository(t *testing.T) {
	f, err := family.Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("KUBECACHEDIR", home)
	t.Setenv("KUBECONFIG", "")
	generated := tree{}
	if err := addReference(generated, f); err != nil {
		t.Fatal(err)
	}
	for path, content := range generated {
		if strings.Contains(string(content), home) {
			t.Errorf("%s names the home folder", path)
		}
	}
}

// The table of rbac has every command but those that are about the plugin itself, so that
// one that was added shows in a test what it asks for.
func TestRights(t *testing.T) {
	tables := map[string]string{"fleet": rights.Fleet, "fleetbackup": rights.Fleetbackup, "fleetscale": rights.Fleetscale}
	for plugin, construct := range constructors() {
		table, err := rights.Parse(tables[plugin])
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range newRoot(family.Plugin{Name: plugin, Binary: "kubectl-" + plugin}, construct).Commands() {
			switch name := command.Name(); {
			case name == "completion" || name == "rbac" || command.Hidden:
			case !slices.Contains(table.Commands(), name):
				t.Errorf("pkg/rights/kubectl-%s.txt has nothing of %s: give it a case in TestRights of test/integration/%s", plugin, name, plugin)
			}
		}
	}
}
