package release

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
)

// build compiles every plugin of the family for each of its platforms, into a
// folder for each platform.
func build(ctx context.Context, o Options, f family.Family, folder string) ([]Built, error) {
	var built []Built
	for _, at := range f.Platforms {
		for _, p := range f.Plugins {
			b := Built{Plugin: p, Platform: at, Path: filepath.Join(folder, at.OS+"_"+at.Arch, p.Program(at))}
			if o.Log != nil {
				o.Log("build %s for %s", p.Binary, at)
			}
			if err := compile(ctx, o.Root, b); err != nil {
				return nil, err
			}
			built = append(built, b)
		}
	}
	return built, nil
}

// compile builds one program. What of the environment would decide what comes out
// is set here: no C library, no paths of this machine, no symbols that a stack
// trace can do without, the version that git knows, and Go's own choices of the
// processor.
func compile(ctx context.Context, root string, b Built) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "-o", b.Path, "./cmd/"+b.Plugin.Binary)
	cmd.Dir = root
	cmd.Env = append(os.Environ(),
		"CGO_ENABLED=0", "GOOS="+b.Platform.OS, "GOARCH="+b.Platform.Arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s for %s: %w\n%s", b.Plugin.Binary, b.Platform, err, strings.TrimSpace(said.String()))
	}
	return nil
}

// version is the one that all programs say they are of: a tag of the commit, or
// what Go calls a commit that has none. It refuses what others could not build
// again.
func version(built []Built) (string, error) {
	found := ""
	for _, b := range built {
		info, err := buildinfo.ReadFile(b.Path)
		if err != nil {
			return "", err
		}
		if found != "" && found != info.Main.Version {
			return "", fmt.Errorf("%s is %s, and others are %s: something was committed meanwhile", b.Plugin.Binary, info.Main.Version, found)
		}
		found = info.Main.Version
	}
	switch {
	case found == "", found == "(devel)":
		return "", errors.New("git does not know which version this is: make it in a clone of the repository")
	case strings.HasSuffix(found, "+dirty"):
		return "", errors.New("something here is not committed, so that nobody could build it again: commit it, or use a clone")
	}
	return found, nil
}
