package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPluginValidate(t *testing.T) {
	good := plugin{Name: "fleet", Binary: "kubectl-fleet", Short: "See many clusters as one", Long: "Long.\n"}
	if err := good.validate(); err != nil {
		t.Errorf("a good plugin: %v", err)
	}
	for want, change := range map[string]func(*plugin){
		"kubectl-NAME":             func(p *plugin) { p.Binary = "fleet" },
		"1 to 50":                  func(p *plugin) { p.Short = strings.Repeat("x", 51) },
		"as every entry":           func(p *plugin) { p.Short = "A kubectl plugin" },
		"no sentence":              func(p *plugin) { p.Short += "." },
		"long is empty":            func(p *plugin) { p.Long = "" },
		"81 characters, more":      func(p *plugin) { p.Long = strings.Repeat("x", 81) + "\n" },
		"81 characters, more than": func(p *plugin) { p.Caveats = strings.Repeat("x", 81) },
	} {
		p := good
		change(&p)
		if err := p.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestManifestOfWindows(t *testing.T) {
	f := family{Archive: "https://example.com/{version}/{binary}_{os}_{arch}.{ext}"}
	m := newManifestPlatform(f, plugin{Binary: "kubectl-fleet"}, platform{OS: "windows", Arch: "arm64"})
	if m.Bin != "kubectl-fleet.exe" || m.Files[0].From != m.Bin || m.URI != "https://example.com/v0.0.0/kubectl-fleet_windows_arm64.zip" {
		t.Errorf("%+v", m)
	}
}

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
	f, err := readFamily("../..")
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
