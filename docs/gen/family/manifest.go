package family

import "strings"

// What a release knows and a checkout does not. The placeholders have the form
// that krew asks for, so that the manifests can be validated as they are.
const (
	placeholderVersion = "v0.0.0"
	placeholderDigest  = "0000000000000000000000000000000000000000000000000000000000000000"
)

// Manifest is krew's Plugin, as far as we use it:
// https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
type Manifest struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Metadata   ManifestMetadata `json:"metadata"`
	Spec       ManifestSpec     `json:"spec"`
}

// ManifestMetadata has the plugin's name.
type ManifestMetadata struct {
	Name string `json:"name"`
}

// ManifestSpec says what the plugin is and where its archives are.
type ManifestSpec struct {
	Version          string             `json:"version"`
	Homepage         string             `json:"homepage"`
	ShortDescription string             `json:"shortDescription"`
	Description      string             `json:"description"`
	Caveats          string             `json:"caveats,omitempty"`
	Platforms        []ManifestPlatform `json:"platforms"`
}

// ManifestPlatform is one archive, and what of it is installed.
type ManifestPlatform struct {
	Selector ManifestSelector `json:"selector"`
	URI      string           `json:"uri"`
	SHA256   string           `json:"sha256"`
	Bin      string           `json:"bin"`
	Files    []ManifestFile   `json:"files"`
}

// ManifestSelector chooses the machines that an archive is for.
type ManifestSelector struct {
	MatchLabels Platform `json:"matchLabels"`
}

// ManifestFile is a file of the archive, and the folder that it goes to.
type ManifestFile struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// License is the file that is in every archive: krew refuses plugins without.
const License = "LICENSE"

// URI is where a release puts the archive of a plugin for a platform.
func (f Family) URI(p Plugin, version string, at Platform) string {
	extension := "tar.gz"
	if at.OS == "windows" {
		extension = "zip"
	}
	return strings.NewReplacer(
		"{version}", version, "{binary}", p.Binary, "{os}", at.OS, "{arch}", at.Arch, "{ext}", extension,
	).Replace(f.Archive)
}

// Manifest is that of one version of a plugin. digests are the SHA-256 of its
// archives, in hexadecimal digits; a platform without one is left out.
func (f Family) Manifest(p Plugin, version string, digests map[Platform]string) Manifest {
	m := Manifest{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin",
		Metadata: ManifestMetadata{Name: p.Name},
		Spec:     ManifestSpec{Version: version, Homepage: f.Homepage, ShortDescription: p.Short, Description: p.Long, Caveats: p.Caveats},
	}
	for _, at := range f.Platforms {
		digest, has := digests[at]
		if !has {
			continue
		}
		m.Spec.Platforms = append(m.Spec.Platforms, ManifestPlatform{
			Selector: ManifestSelector{MatchLabels: at},
			URI:      f.URI(p, version, at), SHA256: digest, Bin: p.Program(at),
			Files: []ManifestFile{{From: p.Program(at), To: "."}, {From: License, To: "."}},
		})
	}
	return m
}

// Placeholder is the manifest of no version: what a release fills in has the form
// that krew asks for, and says nothing.
func (f Family) Placeholder(p Plugin) Manifest {
	digests := map[Platform]string{}
	for _, at := range f.Platforms {
		digests[at] = placeholderDigest
	}
	return f.Manifest(p, placeholderVersion, digests)
}
