// Package family reads plugins.yaml, which describes the plugins once, and makes
// of it what krew wants to know.
package family

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// File describes the plugins, once.
const File = "plugins.yaml"

// Family is the form of plugins.yaml.
type Family struct {
	Homepage string `json:"homepage"`
	// Archive is where a release puts an archive, with placeholders for what the
	// archives differ in.
	Archive   string     `json:"archive"`
	Platforms []Platform `json:"platforms"`
	Plugins   []Plugin   `json:"plugins"`
}

// Platform is what plugins are built for, in Go's words, which are krew's.
type Platform struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Plugin is one of the family.
type Plugin struct {
	Name    string `json:"name"`
	Binary  string `json:"binary"`
	Short   string `json:"short"`
	Long    string `json:"long"`
	Caveats string `json:"caveats,omitempty"`
	// Limit is what the stripped binary may weigh on linux/amd64, in MiB.
	Limit int64 `json:"limit"`
}

// LimitOn is what the stripped binary may weigh on a platform, in MiB; 0 is any
// weight. The formats of others have sizes of their own, and what makes a program
// heavier shows on one as well as on all.
func (p Plugin) LimitOn(at Platform) int64 {
	if at == (Platform{OS: "linux", Arch: "amd64"}) {
		return p.Limit
	}
	return 0
}

// Program is the plugin's file on a platform.
func (p Plugin) Program(at Platform) string {
	if at.OS == "windows" {
		return p.Binary + ".exe"
	}
	return p.Binary
}

// Read reads and checks the description in a checkout.
func Read(root string) (Family, error) {
	var f Family
	raw, err := os.ReadFile(filepath.Join(root, File))
	if err != nil {
		return f, err
	}
	if err := yaml.UnmarshalStrict(raw, &f); err != nil {
		return f, fmt.Errorf("%s: %w", File, err)
	}
	errs := []error{f.validate()}
	for _, p := range f.Plugins {
		if err := p.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: plugin %q: %w", File, p.Name, err))
		}
	}
	return f, errors.Join(errs...)
}

func (f Family) validate() error {
	if f.Homepage == "" || f.Archive == "" || len(f.Platforms) == 0 || len(f.Plugins) == 0 {
		return fmt.Errorf("%s: homepage, archive, platforms and plugins are all required", File)
	}
	return nil
}

// What the krew index asks of a manifest: a short description that fits a line
// of `kubectl krew search`, and text that fits a terminal.
const (
	maxShort = 50
	maxLine  = 80
)

func (p Plugin) validate() error {
	var errs []error
	if p.Name == "" || p.Binary != "kubectl-"+p.Name {
		errs = append(errs, fmt.Errorf("binary %q: kubectl finds a plugin by the name kubectl-NAME", p.Binary))
	}
	switch {
	case p.Short == "" || len(p.Short) > maxShort:
		errs = append(errs, fmt.Errorf("short has %d characters; it needs 1 to %d", len(p.Short), maxShort))
	case strings.Contains(strings.ToLower(p.Short), "kubectl"), strings.Contains(strings.ToLower(p.Short), "plugin"):
		errs = append(errs, errors.New("short says kubectl or plugin, as every entry of the index could"))
	case strings.HasSuffix(p.Short, "."):
		errs = append(errs, errors.New("short ends with a period; it is no sentence"))
	}
	if p.Long == "" {
		errs = append(errs, errors.New("long is empty"))
	}
	if p.Limit <= 0 {
		errs = append(errs, errors.New("limit is missing: what may the binary weigh, in MiB"))
	}
	for line := range strings.Lines(p.Long + p.Caveats) {
		if n := len(strings.TrimRight(line, "\n")); n > maxLine {
			errs = append(errs, fmt.Errorf("a line has %d characters, more than %d: %.20s…", n, maxLine, line))
		}
	}
	return errors.Join(errs...)
}
