package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// folders hold generated files alone: what is in them and is not generated (any
// more) goes.
func folders() []string { return []string{manifestFolder, referenceFolder} }

// tree is generated files by their path below the checkout.
type tree map[string][]byte

// write brings the folders to what the tree says.
func (t tree) write(root string) error {
	stale, err := t.strangers(root)
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	for path, content := range t {
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare names every file that write would change.
func (t tree) compare(root string) error {
	stale, err := t.strangers(root)
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range stale {
		errs = append(errs, fmt.Errorf("%s is not generated any more", path))
	}
	for _, path := range slices.Sorted(maps.Keys(t)) {
		have, err := os.ReadFile(filepath.Join(root, path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("%s is missing", path))
		case err != nil:
			return err
		case !bytes.Equal(have, t[path]):
			errs = append(errs, fmt.Errorf("%s is out of date", path))
		}
	}
	if len(errs) > 0 {
		return errors.Join(append(errs, errors.New("run `make generate` and commit what it changes"))...)
	}
	return nil
}

// strangers are files in the generated folders that the tree does not have.
func (t tree) strangers(root string) ([]string, error) {
	var found []string
	for _, folder := range folders() {
		entries, err := os.ReadDir(filepath.Join(root, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if path := folder + "/" + e.Name(); t[path] == nil {
				found = append(found, path)
			}
		}
	}
	return found, nil
}
