package release_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/release"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// build builds the real kubectl and krew, if nobody has, into a folder for PATH.
func (l *lab) build(t *testing.T) string {
	t.Helper()
	krew, err := stack.Load(l.root, "krew")
	if err != nil {
		t.Fatal(err)
	}
	common, err := stack.Common(l.root)
	if err != nil {
		t.Fatal(err)
	}
	programs := slices.DeleteFunc(common, func(p stack.Program) bool { return p.Name != "kubectl" })
	for _, name := range []string{"krew", "validate-krew-manifest"} {
		programs = append(programs, stack.Program{Name: name, Package: "sigs.k8s.io/krew/cmd/" + name, Stack: krew})
	}
	cache, err := stack.UserCache()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := cache.Ensure(t.Context(), programs, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	for i, name := range []string{"kubectl", "kubectl-krew", "validate-krew-manifest"} {
		if err := os.Symlink(paths[i], filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	return tools
}

// home is a user's, with a krew of its own that knows one index: a repository.
type home struct {
	dir, krew, index string
	env              []string
}

// newHome has the index of a release, which is the layout that a release makes.
func (l *lab) newHome(t *testing.T, out string) *home {
	t.Helper()
	dir := t.TempDir()
	h := &home{dir: dir, krew: filepath.Join(dir, "krew"), index: filepath.Join(dir, "index")}
	path := filepath.Join(h.krew, "bin") + string(os.PathListSeparator) + l.tools + string(os.PathListSeparator) + os.Getenv("PATH")
	h.env = append(os.Environ(), "HOME="+dir, "PATH="+path, "KREW_ROOT="+h.krew, "KREW_NO_UPGRADE_CHECK=1",
		"KUBECONFIG="+filepath.Join(dir, "config"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	write(t, filepath.Join(dir, "config"), []byte(kubeconfig), 0o600)
	h.publish(t, out)
	h.kubectl(t, "krew", "index", "add", "kubectl-fleet", "file://"+h.index).want(t, 0)
	return h
}

const kubeconfig = `apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://127.0.0.1:1"}}
- {name: two, cluster: {server: "https://127.0.0.1:2"}}
contexts:
- {name: alpha, context: {cluster: one}}
- {name: beta, context: {cluster: two}}
`

// publish brings the index to a release.
func (h *home) publish(t *testing.T, out string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(h.index, "plugins")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(h.index, os.DirFS(filepath.Join(out, release.Index))); err != nil {
		t.Fatal(err)
	}
	git(t, h.index, "init", "-q", "-b", "main")
	commit(t, h.index, "a release")
}

// result is what a command did.
type result struct {
	stdout, stderr string
	code           int
}

func (h *home) kubectl(t *testing.T, args ...string) result {
	t.Helper()
	return h.run(t, "kubectl", args...)
}

// run runs a program of the home's PATH.
func (h *home) run(t *testing.T, name string, args ...string) result {
	t.Helper()
	// env finds it, since PATH is the home's and not ours.
	cmd := exec.CommandContext(t.Context(), "env", append([]string{name}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// want fails the test unless the command ended with this code and said these
// words.
func (r result) want(t *testing.T, code int, words ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stdout+r.stderr, word) {
			t.Fatalf("want %q in\n%s\n%s", word, r.stdout, r.stderr)
		}
	}
	return r
}

// A manifest and an archive are enough for krew; an archive that is not the
// manifest's is refused.
func (l *lab) fromManifest(t *testing.T) {
	h := l.newHome(t, l.out)
	for _, a := range l.native {
		manifest := filepath.Join(l.out, release.Index, "plugins", a.Plugin.Name+".yaml")
		other := filepath.Join(t.TempDir(), "other.tar.gz")
		write(t, other, append(read(t, a.Archive), 0), 0o600)
		h.kubectl(t, "krew", "install", "--manifest", manifest, "--archive", other).want(t, 1, "checksum does not match")
		h.kubectl(t, "krew", "install", "--manifest", manifest, "--archive", a.Archive).want(t, 0, "Installed plugin: "+a.Plugin.Name)
		h.kubectl(t, a.Plugin.Name, "version").want(t, 0, a.Plugin.Binary+" "+version+" (")
		if !bytes.Equal(read(t, filepath.Join(h.krew, "store", a.Plugin.Name, version, "LICENSE")), read(t, filepath.Join(l.root, "LICENSE"))) {
			t.Errorf("%s: the license is not installed", a.Plugin.Name)
		}
		h.kubectl(t, "krew", "uninstall", a.Plugin.Name).want(t, 0)
		h.kubectl(t, a.Plugin.Name, "version").want(t, 1, "unknown command")
	}
}

// An index of our own has the plugins, and later ones of them.
func (l *lab) fromIndex(t *testing.T) {
	h := l.newHome(t, l.packEarlier(t))
	h.kubectl(t, "krew", "search", "fleetscale").want(t, 0, "kubectl-fleet/fleetscale")
	for _, p := range l.family.Plugins {
		h.kubectl(t, "krew", "install", "kubectl-fleet/"+p.Name).want(t, 0, "completion install")
		h.kubectl(t, p.Name, "completion", "install").want(t, 0, "was written")
	}
	h.listed(t, earlier)
	h.publish(t, l.out)
	h.kubectl(t, "krew", "upgrade").want(t, 0, "Upgraded plugin: kubectl-fleet/fleet\n", "Upgraded plugin: kubectl-fleet/fleetbackup\n",
		"Upgraded plugin: kubectl-fleet/fleetscale\n")
	h.listed(t, version)
	h.kubectl(t, "krew", "upgrade").want(t, 0, "already on the newest version")

	// Tab, as kubectl's own completion asks for it. It outlived the upgrade.
	for name, verb := range map[string]string{"fleet": "get", "fleetbackup": "create", "fleetscale": "down"} {
		h.kubectl(t, name, "version").want(t, 0, version)
		r := h.kubectl(t, "__complete", name, verb, "--clusters", "").want(t, 0)
		if !strings.HasPrefix(r.stdout, "alpha\nbeta\n") {
			t.Errorf("Tab behind kubectl %s %s --clusters: %q", name, verb, r.stdout)
		}
		h.kubectl(t, "__complete", name, verb[:2]).want(t, 0, verb+"\t")
	}

	h.shadowed(t)
	for _, p := range l.family.Plugins {
		h.kubectl(t, "krew", "uninstall", p.Name).want(t, 0)
		h.kubectl(t, p.Name, "version").want(t, 1, "unknown command")
	}
}

// listed wants krew to have all three of one version, and only that.
func (h *home) listed(t *testing.T, version string) {
	t.Helper()
	for _, name := range []string{"fleet", "fleetbackup", "fleetscale"} {
		entries, err := os.ReadDir(filepath.Join(h.krew, "store", name))
		if err != nil || len(entries) != 1 || entries[0].Name() != version {
			t.Errorf("krew has %v of %s (%v), want %s", entries, name, err, version)
		}
	}
}

// shadowed: another program of our name comes first in PATH, and is named.
func (h *home) shadowed(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	other := filepath.Join(folder, "kubectl-fleet")
	write(t, other, []byte("#!/bin/sh\necho another fleet\n"), 0o755)
	behind := *h
	behind.env = append(slices.Clone(h.env), "PATH="+folder+string(os.PathListSeparator)+path(h.env))
	behind.kubectl(t, "fleet", "version").want(t, 0, "another fleet")
	behind.kubectl(t, "plugin", "list").want(t, 1, "kubectl-fleet is overshadowed by a similarly named plugin: "+other)
	behind.run(t, filepath.Join(h.krew, "bin", "kubectl-fleet"), "version").want(t, 0, "note: kubectl fleet runs "+other+", which comes first in PATH")
	behind.run(t, filepath.Join(h.krew, "bin", "kubectl-fleet"), "completion", "install").want(t, 5, other)
}

func path(env []string) string {
	value := ""
	for _, one := range env {
		if text, is := strings.CutPrefix(one, "PATH="); is {
			value = text
		}
	}
	return value
}

// packEarlier makes a release of another version, of the same programs.
func (l *lab) packEarlier(t *testing.T) string {
	t.Helper()
	var built []release.Built
	for _, a := range l.native {
		files, _ := unpack(t, a.Archive)
		b := release.Built{Plugin: a.Plugin, Platform: a.Platform, Path: filepath.Join(t.TempDir(), a.Plugin.Binary)}
		write(t, b.Path, files[a.Plugin.Binary], 0o755)
		built = append(built, b)
	}
	return l.pack(t, earlier, built)
}

func (l *lab) pack(t *testing.T, version string, built []release.Built) string {
	t.Helper()
	out := filepath.Join(l.server, version)
	if _, err := release.Pack(l.family, version, built, filepath.Join(l.root, family.License), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// krew's own check passes what is committed, and what a release makes for every
// platform, which it downloads and installs.
func (l *lab) everyPlatform(t *testing.T) {
	out := l.out
	if len(l.made) == len(l.native) {
		out = l.packStandIns(t)
	}
	h := l.newHome(t, out)
	for _, p := range l.family.Plugins {
		h.run(t, "validate-krew-manifest", "-skip-install", "-manifest", filepath.Join(l.root, "krew-manifests", p.Name+".yaml")).want(t, 0, "no overlapping")
		h.run(t, "validate-krew-manifest", "-manifest", filepath.Join(out, release.Index, "plugins", p.Name+".yaml")).
			want(t, 0, fmt.Sprintf("all %d spec.platforms installed fine", len(l.family.Platforms)))
	}
}

// packStandIns makes a release for all platforms, in which some program stands for
// each of ours.
func (l *lab) packStandIns(t *testing.T) string {
	t.Helper()
	var built []release.Built
	for _, p := range l.family.Plugins {
		for _, at := range l.family.Platforms {
			built = append(built, release.Built{Plugin: p, Platform: at, Path: filepath.Join(l.tools, "validate-krew-manifest")})
		}
	}
	return l.pack(t, "v0.9.2", built)
}
