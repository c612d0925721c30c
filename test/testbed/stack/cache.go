package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// Cache is a folder of built programs. Everything that decides what a program is (the stack's go.mod, go.sum and own source, the
// flags, the platform) is in the name of the folder it is kept in, so that what is found there never has to be checked again.
type Cache struct{ Dir string }

// UserCache is the cache in the user's cache folder, shared by all checkouts.
func UserCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return Cache{}, fmt.Errorf("find a folder for built programs: %w: set XDG_CACHE_HOME", err)
	}
	return Cache{filepath.Join(dir, "kubectl-fleet", "testbed")}, nil
}

// Path is where a program is, or will be once it is built.
func (c Cache) Path(p Program) string {
	return filepath.Join(c.folder(p), p.Name)
}

func (c Cache) folder(p Program) string {
	return filepath.Join(c.Dir, p.Stack.Name+"-"+p.key())
}

// key is the same for two builds exactly when they would give the same program.
func (p Program) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s/%s\n%q\n", runtime.GOOS, runtime.GOARCH, p.buildArgs())
	if p.CGO {
		fmt.Fprintln(h, "cgo")
	}
	for _, b := range slices.Concat([][]byte{p.Stack.mod, p.Stack.sum}, p.Stack.sources) {
		fmt.Fprintf(h, "%d\n", len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// buildArgs are the arguments of go build but for the name of the output.
func (p Program) buildArgs() []string {
	if p.Folder != "" {
		return []string{"-m", p.Package, p.Folder}
	}
	ldflags := "-s -w"
	if p.ldflags != "" {
		ldflags += " " + p.ldflags
	}
	return []string{"-trimpath", "-mod=readonly", "-ldflags", ldflags, p.Package}
}
