package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// OnPath is the program that kubectl runs for the plugin: the first of its name in
// PATH, and whether that is this one. It is empty where PATH has none.
func (e *Env) OnPath() (path string, own bool) {
	path, err := exec.LookPath(e.Plugin)
	if err != nil && !errors.Is(err, exec.ErrDot) { // which does not keep kubectl from running it
		return "", false
	}
	running, err := os.Executable()
	return path, err == nil && sameFile(path, running)
}

// InPath says whether a folder is one of PATH.
func (e *Env) InPath(folder string) bool {
	for _, one := range filepath.SplitList(e.Getenv("PATH")) {
		if sameFile(one, folder) {
			return true
		}
	}
	return false
}

// sameFile says whether two paths, links followed, lead to one file.
func sameFile(a, b string) bool {
	one, errOne := os.Stat(a)
	other, errOther := os.Stat(b)
	return errOne == nil && errOther == nil && os.SameFile(one, other)
}
