package family

import (
	"strings"
	"testing"
)

func TestPluginValidate(t *testing.T) {
	good := Plugin{Name: "fleet", Binary: "kubectl-fleet", Short: "See many clusters as one", Long: "Long.\n", Limit: 36}
	if err := good.validate(); err != nil {
		t.Errorf("a good plugin: %v", err)
	}
	for want, change := range map[string]func(*Plugin){
		"kubectl-NAME":             func(p *Plugin) { p.Binary = "fleet" },
		"1 to 50":                  func(p *Plugin) { p.Short = strings.Repeat("x", 51) },
		"as every entry":           func(p *Plugin) { p.Short = "A kubectl plugin" },
		"no sentence":              func(p *Plugin) { p.Short += "." },
		"long is empty":            func(p *Plugin) { p.Long = "" },
		"limit is missing":         func(p *Plugin) { p.Limit = 0 },
		"81 characters, more":      func(p *Plugin) { p.Long = strings.Repeat("x", 81) + "\n" },
		"81 characters, more than": func(p *Plugin) { p.Caveats = strings.Repeat("x", 81) },
	} {
		p := good
		change(&p)
		if err := p.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// A manifest has the platforms that were built, with their digests, and of
// Windows other names.
func TestManifest(t *testing.T) {
	windows, linux := Platform{OS: "windows", Arch: "arm64"}, Platform{OS: "linux", Arch: "amd64"}
	f := Family{
		Archive:   "https://example.com/{version}/{binary}_{os}_{arch}.{ext}",
		Platforms: []Platform{linux, {OS: "darwin", Arch: "arm64"}, windows},
	}
	m := f.Manifest(Plugin{Name: "fleet", Binary: "kubectl-fleet"}, "v1.2.3", map[Platform]string{windows: "abc", linux: "def"})
	if m.Metadata.Name != "fleet" || m.Spec.Version != "v1.2.3" || len(m.Spec.Platforms) != 2 {
		t.Fatalf("%+v", m)
	}
	if p := m.Spec.Platforms[0]; p.Bin != "kubectl-fleet" || p.SHA256 != "def" || p.URI != "https://example.com/v1.2.3/kubectl-fleet_linux_amd64.tar.gz" {
		t.Errorf("%+v", p)
	}
	if p := m.Spec.Platforms[1]; p.Bin != "kubectl-fleet.exe" || p.Files[0].From != p.Bin || p.SHA256 != "abc" ||
		p.URI != "https://example.com/v1.2.3/kubectl-fleet_windows_arm64.zip" {
		t.Errorf("%+v", p)
	}
}
