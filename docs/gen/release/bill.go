package release

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"time"
)

// bill is a bill of materials in the form of CycloneDX, as far as we use it:
// https://cyclonedx.org/docs/1.6/json/
type bill struct {
	Format      string       `json:"bomFormat"`
	SpecVersion string       `json:"specVersion"`
	Version     int          `json:"version"`
	Metadata    billMetadata `json:"metadata"`
	Components  []component  `json:"components"`

	// built is the time of the commit.
	built time.Time
}

type billMetadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string        `json:"type"`
	Ref      string        `json:"bom-ref"`
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Hashes   []billHash    `json:"hashes,omitempty"`
	Licenses []billLicense `json:"licenses,omitempty"`
	PURL     string        `json:"purl"`
	// Properties have what CycloneDX has no field for: go.sum's digest of a module,
	// and the platform.
	Properties []property `json:"properties,omitempty"`
}

type billHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type billLicense struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// newBill reads what was linked into a program out of the program itself.
func newBill(b Built, version string, program []byte) (bill, error) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return bill{}, err
	}
	// The first moment that a zip can have, for a program that no commit is known of.
	made := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if made, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return bill{}, err
			}
		}
	}
	sum := sha256.Sum256(program)
	own := module("application", info.Main.Path, version)
	own.Name = b.Plugin.Binary
	own.PURL += "#cmd/" + b.Plugin.Binary
	own.Ref = own.PURL
	own.Hashes = []billHash{{Algorithm: "SHA-256", Content: hex.EncodeToString(sum[:])}}
	own.Licenses = make([]billLicense, 1)
	own.Licenses[0].License.ID = "Apache-2.0"
	own.Properties = []property{{Name: "kubectl-fleet:platform", Value: b.Platform.String()}}

	made = made.UTC()
	bom := bill{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1, built: made,
		Metadata: billMetadata{Timestamp: made.Format(time.RFC3339), Component: own},
		// What scanners call Go's own library, by the version that they know it by.
		Components: []component{module("library", "stdlib", strings.TrimPrefix(info.GoVersion, "go"))},
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		c := module("library", d.Path, d.Version)
		if d.Sum != "" {
			c.Properties = []property{{Name: "kubectl-fleet:go.sum", Value: d.Sum}}
		}
		bom.Components = append(bom.Components, c)
	}
	return bom, nil
}

// module is a Go module as a component.
func module(kind, path, version string) component {
	// https://github.com/package-url/purl-spec: golang's paths are in lower case, and
	// the + of a version is not plain.
	purl := "pkg:golang/" + strings.ToLower(path) + "@" + url.QueryEscape(version)
	return component{Type: kind, Ref: purl, Name: path, Version: version, PURL: purl}
}

// modules counts those of others, and Go's own library with them.
func (b bill) modules() int { return len(b.Components) }

func (b bill) write(path string) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
