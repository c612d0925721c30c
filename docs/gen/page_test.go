package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The command that docs/adding-a-command.md adds can be added, and keeps what its script
// promises.
func TestAddingACommand(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "adding-a-command.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, found := range regexp.MustCompile("(?s)\n## [^\n]*`(pkg/[^`]*)`\n.*?```go\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		files[found[1]] = found[2]
	}
	if len(files) != 2 {
		t.Fatalf("the page has %d Go files", len(files))
	}
	const list = "pkg/cmd/fleet/fleet.go"
	commands, err := os.ReadFile(filepath.Join(root, list))
	if err != nil {
		t.Fatal(err)
	}
	files[list] = strings.Replace(string(commands), "newCmdGet(env),", "newCmdGet(env), newCmdID(env),", 1)

	// Laid over the checkout, in which nothing is changed.
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	folder := t.TempDir()
	for path, content := range files {
		file := filepath.Join(folder, filepath.Base(path))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(root, path)] = file
	}
	said, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(file, said, 0o600); err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)\n## [^\n]*`test/script/(fleet/id.txtar)`\n.*?```\n(.*?)```").FindStringSubmatch(string(text))
	if script == nil {
		t.Fatal("the page has no script")
	}
	if err := os.MkdirAll(filepath.Join(folder, "fleet"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, script[1]), []byte(script[2]), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "script.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags=-s -w", "-overlay", file, "-o", program, "./test/script")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), program, "-test.v", "-test.run", "^TestScript$/^fleet$/^id$")
	run.Dir = folder
	if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestScript/fleet/id") {
		t.Errorf("%v\n%s", err, out)
	}
}
