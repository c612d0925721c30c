package main

import (
	"strings"

	"sigs.k8s.io/yaml"
)

const manifestFolder = "krew-manifests"

// What a release knows and a checkout does not. The placeholders have the form
// that krew asks for, so that the manifests can be validated as they are.
const (
	placeholderVersion = "v0.0.0"
	placeholderDigest  = "0000000000000000000000000000000000000000000000000000000000000000"
)

const manifestHeader = `# Code generated from plugins.yaml by docs/gen. DO NOT EDIT.
#
# PLACEHOLDERS, filled in by a release: the version v0.0.0, here and in each uri,
# and every sha256 of zeros. This file cannot be installed as it is.
`

// manifest is krew's Plugin, as far as we use it:
// https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string             `json:"version"`
		Homepage         string             `json:"homepage"`
		ShortDescription string             `json:"shortDescription"`
		Description      string             `json:"description"`
		Caveats          string             `json:"caveats,omitempty"`
		Platforms        []manifestPlatform `json:"platforms"`
	} `json:"spec"`
}

type manifestPlatform struct {
	Selector struct {
		MatchLabels platform `json:"matchLabels"`
	} `json:"selector"`
	URI    string         `json:"uri"`
	SHA256 string         `json:"sha256"`
	Bin    string         `json:"bin"`
	Files  []manifestFile `json:"files"`
}

type manifestFile struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func addManifests(t tree, f family) error {
	for _, p := range f.Plugins {
		content, err := yaml.Marshal(newManifest(f, p))
		if err != nil {
			return err
		}
		t[manifestFolder+"/"+p.Name+".yaml"] = append([]byte(manifestHeader), content...)
	}
	return nil
}

func newManifest(f family, p plugin) manifest {
	m := manifest{APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin"}
	m.Metadata.Name = p.Name
	m.Spec.Version = placeholderVersion
	m.Spec.Homepage = f.Homepage
	m.Spec.ShortDescription = p.Short
	m.Spec.Description = p.Long
	m.Spec.Caveats = p.Caveats
	for _, at := range f.Platforms {
		m.Spec.Platforms = append(m.Spec.Platforms, newManifestPlatform(f, p, at))
	}
	return m
}

func newManifestPlatform(f family, p plugin, at platform) manifestPlatform {
	bin, extension := p.Binary, "tar.gz"
	if at.OS == "windows" {
		bin, extension = p.Binary+".exe", "zip"
	}
	uri := strings.NewReplacer(
		"{version}", placeholderVersion, "{binary}", p.Binary, "{os}", at.OS, "{arch}", at.Arch, "{ext}", extension,
	).Replace(f.Archive)
	m := manifestPlatform{
		URI: uri, SHA256: placeholderDigest, Bin: bin,
		// krew refuses a plugin whose license is not installed with it.
		Files: []manifestFile{{From: bin, To: "."}, {From: "LICENSE", To: "."}},
	}
	m.Selector.MatchLabels = at
	return m
}
