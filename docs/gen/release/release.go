// Package release makes what is published of a commit: an archive of every plugin
// for every platform, what is in each, checksums, and an index for krew. The same
// commit and Go give the same bytes, wherever they are made.
package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
)

// Options say what is made of which checkout.
type Options struct {
	// Root is the checkout, in which everything is committed.
	Root string
	// Out is the folder that the files go to. What is in it is replaced.
	Out string
	// Platforms and Plugins narrow what is built; empty, all of plugins.yaml are.
	Platforms []family.Platform
	Plugins   []string
	// Archive is where the archives will be, if that is not as plugins.yaml says.
	Archive string
	// Log hears of each step.
	Log func(format string, args ...any)
}

// Built is a plugin's program for a platform.
type Built struct {
	Plugin   family.Plugin
	Platform family.Platform
	Path     string
}

// Artifact is an archive, and what one wants to know before downloading it.
type Artifact struct {
	Built
	// Archive and Bill are paths of files: the archive, and its bill of materials.
	Archive, Bill string
	// Digest is the archive's SHA-256, in hexadecimal digits.
	Digest string
	// Bytes and Packed are the sizes of the program and of its archive.
	Bytes, Packed int64
	// Modules counts the Go modules that are linked.
	Modules int
}

// What is in the folder beside the archives.
const (
	// Checksums has a line for every archive and bill of materials, for sha256sum -c.
	Checksums = "SHA256SUMS"
	// Index is a krew index: a repository with these files can be added to krew.
	Index = "krew-index"
	// billSuffix takes the place of an archive's extension: CycloneDX's own.
	billSuffix = ".cdx.json"
)

// Make builds, checks and packs, and returns what it made by plugin and platform,
// in the order of plugins.yaml.
func Make(ctx context.Context, o Options) ([]Artifact, error) {
	f, err := family.Read(o.Root)
	if err != nil {
		return nil, err
	}
	if f, err = o.narrow(f); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(o.Out); err != nil {
		return nil, err
	}
	programs, err := os.MkdirTemp("", "kubectl-fleet-dist-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(programs) }()
	built, err := build(ctx, o, f, programs)
	if err != nil {
		return nil, err
	}
	for _, b := range built {
		if err := Gate(b.Path, b.Plugin.LimitOn(b.Platform)); err != nil {
			return nil, fmt.Errorf("%s for %s: %w", b.Plugin.Binary, b.Platform, err)
		}
	}
	version, err := version(built)
	if err != nil {
		return nil, err
	}
	return Pack(f, version, built, filepath.Join(o.Root, family.License), o.Out)
}

// narrow leaves of the family what is to be made.
func (o Options) narrow(f family.Family) (family.Family, error) {
	for _, at := range o.Platforms {
		if !slices.Contains(f.Platforms, at) {
			return f, fmt.Errorf("%s has no platform %s", family.File, at)
		}
	}
	for _, name := range o.Plugins {
		if !slices.ContainsFunc(f.Plugins, func(p family.Plugin) bool { return p.Name == name }) {
			return f, fmt.Errorf("%s has no plugin %q", family.File, name)
		}
	}
	if len(o.Platforms) > 0 {
		f.Platforms = slices.DeleteFunc(f.Platforms, func(at family.Platform) bool { return !slices.Contains(o.Platforms, at) })
	}
	if len(o.Plugins) > 0 {
		f.Plugins = slices.DeleteFunc(f.Plugins, func(p family.Plugin) bool { return !slices.Contains(o.Plugins, p.Name) })
	}
	if o.Archive != "" {
		f.Archive = o.Archive
	}
	return f, nil
}

// Pack makes the files of a version from programs that are built: archives, bills
// of materials, checksums and the index.
func Pack(f family.Family, version string, built []Built, license, out string) ([]Artifact, error) {
	if err := os.MkdirAll(filepath.Join(out, Index, "plugins"), 0o755); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(license)
	if err != nil {
		return nil, err
	}
	artifacts := make([]Artifact, len(built))
	for i, b := range built {
		if artifacts[i], err = pack(f, version, b, text, out); err != nil {
			return nil, fmt.Errorf("%s for %s: %w", b.Plugin.Binary, b.Platform, err)
		}
	}
	if err := writeChecksums(artifacts, out); err != nil {
		return nil, err
	}
	return artifacts, writeIndex(f, version, artifacts, out)
}

// pack makes the archive of one program and its bill of materials.
func pack(f family.Family, version string, b Built, license []byte, out string) (Artifact, error) {
	name := path.Base(f.URI(b.Plugin, version, b.Platform))
	stem := strings.TrimSuffix(strings.TrimSuffix(name, ".tar.gz"), ".zip")
	a := Artifact{Built: b, Archive: filepath.Join(out, name), Bill: filepath.Join(out, stem+billSuffix)}
	program, err := os.ReadFile(b.Path)
	if err != nil {
		return a, err
	}
	bill, err := newBill(b, version, program)
	if err != nil {
		return a, err
	}
	a.Bytes, a.Modules = int64(len(program)), bill.modules()
	if err := bill.write(a.Bill); err != nil {
		return a, err
	}
	entries := []entry{
		{name: b.Plugin.Program(b.Platform), mode: 0o755, content: program},
		{name: family.License, mode: 0o644, content: license},
	}
	packed, err := archive(entries, bill.built, b.Platform.OS == "windows")
	if err != nil {
		return a, err
	}
	sum := sha256.Sum256(packed)
	a.Digest, a.Packed = hex.EncodeToString(sum[:]), int64(len(packed))
	return a, os.WriteFile(a.Archive, packed, 0o644)
}

func writeChecksums(artifacts []Artifact, out string) error {
	var lines []string
	for _, a := range artifacts {
		for _, file := range []string{a.Archive, a.Bill} {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			lines = append(lines, hex.EncodeToString(sum[:])+"  "+filepath.Base(file)+"\n")
		}
	}
	return os.WriteFile(filepath.Join(out, Checksums), []byte(strings.Join(lines, "")), 0o644)
}

const indexHeader = "# Code generated from plugins.yaml by a release. DO NOT EDIT.\n"

// writeIndex writes the manifests to where krew looks for them in an index.
func writeIndex(f family.Family, version string, artifacts []Artifact, out string) error {
	var errs []error
	for _, p := range f.Plugins {
		digests := map[family.Platform]string{}
		for _, a := range artifacts {
			if a.Plugin.Name == p.Name {
				digests[a.Platform] = a.Digest
			}
		}
		text, err := yaml.Marshal(f.Manifest(p, version, digests))
		if err == nil {
			err = os.WriteFile(filepath.Join(out, Index, "plugins", p.Name+".yaml"), append([]byte(indexHeader), text...), 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
