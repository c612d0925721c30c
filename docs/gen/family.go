package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// familyFile describes the plugins, once.
const familyFile = "plugins.yaml"

// family is the form of plugins.yaml.
type family struct {
	Homepage  string     `json:"homepage"`
	Archive   string     `json:"archive"`
	Platforms []platform `json:"platforms"`
	Plugins   []plugin   `json:"plugins"`
}

type platform struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

type plugin struct {
	Name    string `json:"name"`
	Binary  string `json:"binary"`
	Short   string `json:"short"`
	Long    string `json:"long"`
	Caveats string `json:"caveats,omitempty"`
}

func readFamily(root string) (family, error) {
	var f family
	raw, err := os.ReadFile(filepath.Join(root, familyFile))
	if err != nil {
		return f, err
	}
	if err := yaml.UnmarshalStrict(raw, &f); err != nil {
		return f, fmt.Errorf("%s: %w", familyFile, err)
	}
	errs := []error{f.validate()}
	for _, p := range f.Plugins {
		if err := p.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: plugin %q: %w", familyFile, p.Name, err))
		}
	}
	return f, errors.Join(errs...)
}

func (f family) validate() error {
	if f.Homepage == "" || f.Archive == "" || len(f.Platforms) == 0 || len(f.Plugins) == 0 {
		return fmt.Errorf("%s: homepage, archive, platforms and plugins are all required", familyFile)
	}
	return nil
}

// What the krew index asks of a manifest: a short description that fits a line
// of `kubectl krew search`, and text that fits a terminal.
const (
	maxShort = 50
	maxLine  = 80
)

func (p plugin) validate() error {
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
	for line := range strings.Lines(p.Long + p.Caveats) {
		if n := len(strings.TrimRight(line, "\n")); n > maxLine {
			errs = append(errs, fmt.Errorf("a line has %d characters, more than %d: %.20s…", n, maxLine, line))
		}
	}
	return errors.Join(errs...)
}
