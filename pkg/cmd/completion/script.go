package completion

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

// completer is the name that kubectl looks for in PATH, kubectl_complete-fleet of
// kubectl-fleet. Windows knows programs by their extension.
func completer(plugin string) string {
	name := strings.Replace(plugin, "-", "_complete-", 1)
	if runtime.GOOS == "windows" {
		name += ".cmd"
	}
	return name
}

// mark is how a file that we wrote is known, also if another release wrote it.
const mark = "completion install`; kubectl runs it for Tab."

// script is the file's text. It runs whatever kubectl would run, so that an update
// of the plugin leaves it good.
func script(plugin string) []byte {
	written := "Written by `" + cli.DisplayName(plugin) + " " + mark
	if runtime.GOOS == "windows" {
		return []byte("@rem " + written + "\r\n@" + plugin + " __complete %*\r\n")
	}
	return []byte("#!/bin/sh\n# " + written + "\nexec " + plugin + " __complete \"$@\"\n")
}

// presence is what stands where the file belongs.
type presence int

const (
	absent presence = iota
	// outdated is ours, and of another release.
	outdated
	current
	foreign
)

// maxScript bounds what is read of a file that may not be ours, in bytes.
const maxScript = 4 << 10

// look says what is at a path.
func look(path string, content []byte) (presence, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent, nil
	case err != nil:
		return foreign, err
	case !info.Mode().IsRegular() || info.Size() > maxScript:
		return foreign, nil
	}
	found, err := os.ReadFile(path)
	switch {
	case err != nil:
		return foreign, err
	case bytes.Equal(found, content):
		return current, nil
	case bytes.Contains(found, []byte(mark)):
		return outdated, nil
	}
	return foreign, nil
}

// put writes the file, and never over another that has come meanwhile.
func put(path string, content []byte, found presence) error {
	if found == outdated {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(path) // half a program is none
	}
	return err
}
