// Package release_test makes a release of what is in this checkout, and installs it
// as its users will: with the real krew, below the real kubectl.
package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/release"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// The versions of the releases: the second is what the programs say of themselves.
const earlier, version = "v0.9.0", "v0.9.1"

// lab has a release, and a server from which it is downloaded.
type lab struct {
	root string
	// family is plugins.yaml for this machine and the server.
	family family.Family
	// out is what was published.
	out  string
	made []release.Artifact
	// native are those that run on this machine.
	native []release.Artifact
	// server is the folder that is served, and url where.
	server, url string
	// tools is a folder with kubectl and krew.
	tools string
}

func TestRelease(t *testing.T) {
	l := newLab(t)
	t.Run("the same bytes elsewhere", l.same)
	t.Run("archives", l.archives)
	t.Run("bills of materials", l.bills)
	t.Run("checksums", l.checksums)
	t.Run("from a manifest", l.fromManifest)
	t.Run("from an index", l.fromIndex)
	t.Run("in a closed network", l.closedNetwork)
	t.Run("every platform", l.everyPlatform)
	t.Run("gate", l.gate)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	root, err := stack.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{root: root, server: t.TempDir()}
	l.tools = l.build(t)
	server := httptest.NewServer(http.FileServer(http.Dir(l.server)))
	t.Cleanup(server.Close)
	if l.family, err = family.Read(root); err != nil {
		t.Fatal(err)
	}
	l.url = server.URL
	l.family.Archive = l.url + "/{version}/{binary}_{version}_{os}_{arch}.{ext}"

	from := filepath.Join(t.TempDir(), "one")
	checkout(t, root, from, version)
	l.out = filepath.Join(l.server, version)
	l.made, err = release.Make(t.Context(), l.options(from, l.out))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range l.made {
		if a.Platform == here() {
			l.native = append(l.native, a)
		}
	}
	if len(l.native) != len(l.family.Plugins) {
		t.Fatalf("%d archives of %d plugins", len(l.native), len(l.family.Plugins))
	}
	return l
}

// everywhere in the environment makes the release for all platforms, and compares
// all that is made twice. It takes half an hour: `make proof` sets it.
const everywhere = "KUBECTL_FLEET_RELEASE_EVERYWHERE"

// options of a release for this machine, or for all.
func (l *lab) options(root, out string) release.Options {
	o := release.Options{Root: root, Out: out, Archive: l.family.Archive}
	if os.Getenv(everywhere) == "" {
		o.Platforms = []family.Platform{here()}
	}
	return o
}

func here() family.Platform { return family.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH} }

// A second checkout, elsewhere, gives the same.
func (l *lab) same(t *testing.T) {
	from, out := filepath.Join(t.TempDir(), "another", "place"), t.TempDir()
	checkout(t, l.root, from, version)
	o := l.options(from, out)
	if len(o.Platforms) > 0 {
		o.Plugins = []string{"fleet"} // one stands for the others
	}
	made, err := release.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range made {
		for _, path := range []string{a.Archive, a.Bill, filepath.Join(out, release.Index, "plugins", a.Plugin.Name+".yaml")} {
			name, err := filepath.Rel(out, path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read(t, path), read(t, filepath.Join(l.out, name))) {
				t.Errorf("%s is another one when it is made elsewhere", name)
			}
		}
	}

	// What is not committed could not be made again.
	write(t, filepath.Join(from, "stray"), nil, 0o644)
	if _, err := release.Make(t.Context(), release.Options{
		Root: from, Out: out, Platforms: []family.Platform{here()}, Plugins: []string{"fleet"},
	}); err == nil || !strings.Contains(err.Error(), "not committed") {
		t.Errorf("a release with a file that is not committed: %v", err)
	}
}

// An archive has the program, which can be run, and the license.
func (l *lab) archives(t *testing.T) {
	for _, a := range l.native {
		files, modes := unpack(t, a.Archive)
		if len(files) != 2 || modes[a.Plugin.Binary] != 0o755 || !bytes.Equal(files["LICENSE"], read(t, filepath.Join(l.root, "LICENSE"))) {
			t.Errorf("%s has %v", filepath.Base(a.Archive), modes)
		}
		if want := int64(len(files[a.Plugin.Binary])); a.Bytes != want {
			t.Errorf("%s: said to be %d bytes, and is %d", a.Plugin.Binary, a.Bytes, want)
		}
	}
}

// A bill lists what Go says is linked, and is of the program that is in the
// archive.
func (l *lab) bills(t *testing.T) {
	for _, a := range l.native {
		var bill struct {
			BOMFormat, SpecVersion string
			Metadata               struct {
				Component struct {
					Name, Version string
					Hashes        []struct{ Alg, Content string }
				}
			}
			Components []struct{ Name, Version, PURL string }
		}
		if err := json.Unmarshal(read(t, a.Bill), &bill); err != nil {
			t.Fatal(err)
		}
		files, _ := unpack(t, a.Archive)
		sum := sha256.Sum256(files[a.Plugin.Binary])
		own := bill.Metadata.Component
		if bill.BOMFormat != "CycloneDX" || own.Name != a.Plugin.Binary || own.Version != version || len(own.Hashes) != 1 ||
			own.Hashes[0].Content != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %+v", filepath.Base(a.Bill), own)
		}
		listed := map[string]string{}
		for _, c := range bill.Components {
			listed[c.Name] = c.Version
			if !strings.HasPrefix(c.PURL, "pkg:golang/"+strings.ToLower(c.Name)+"@") {
				t.Errorf("%s %s: %s", c.Name, c.Version, c.PURL)
			}
		}
		info, err := buildinfo.Read(bytes.NewReader(files[a.Plugin.Binary]))
		if err != nil {
			t.Fatal(err)
		}
		if info.Main.Version != version {
			t.Errorf("%s says that it is %s", a.Plugin.Binary, info.Main.Version)
		}
		for _, d := range info.Deps {
			if listed[d.Path] != d.Version {
				t.Errorf("%s has %s %s, and its bill %q", a.Plugin.Binary, d.Path, d.Version, listed[d.Path])
			}
		}
		if len(listed) != len(info.Deps)+1 || "go"+listed["stdlib"] != info.GoVersion || a.Modules != len(listed) {
			t.Errorf("%s: %d modules and Go are linked, %d are listed, %d said", a.Plugin.Binary, len(info.Deps), len(listed), a.Modules)
		}
	}
}

// The checksums are of every file there is.
func (l *lab) checksums(t *testing.T) {
	sums := map[string]string{}
	for line := range strings.Lines(string(read(t, filepath.Join(l.out, release.Checksums)))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	entries, err := os.ReadDir(l.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == release.Checksums {
			continue
		}
		sum := sha256.Sum256(read(t, filepath.Join(l.out, e.Name())))
		if sums[e.Name()] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %q is its checksum, says the file", e.Name(), sums[e.Name()])
		}
		delete(sums, e.Name())
	}
	if len(sums) > 0 {
		t.Errorf("checksums of nothing: %v", sums)
	}
}

// The gate finds template execution in a stripped program that has it, and weighs.
func (l *lab) gate(t *testing.T) {
	program := filepath.Join(l.tools, "kubectl-krew")
	if err := release.Gate(program, 1000); err == nil || !strings.Contains(err.Error(), "text/template") || strings.Contains(err.Error(), "bytes more") {
		t.Errorf("krew, which has a usage template: %v", err)
	}
	if err := release.Gate(program, 1); err == nil || !strings.Contains(err.Error(), "bytes more than the 1 MiB") {
		t.Errorf("krew in 1 MiB: %v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// unpack reads a tar.gz.
func unpack(t *testing.T, path string) (files map[string][]byte, modes map[string]int64) {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	files, modes = map[string][]byte{}, map[string]int64{}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, modes
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name], modes[header.Name] = content, header.Mode
	}
}
