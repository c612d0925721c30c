package membership

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// FleetFile is the fleet file, open to be changed. What a change does not touch
// stays as it was: comments, the order of fields, and fields that this release
// does not know.
type FleetFile struct {
	// path is the file's own, symbolic links followed: people keep the file in a
	// checkout and link to it.
	path string
	// was is what was read; nil if there was no file.
	was    []byte
	config *v1alpha1.FleetConfig
	doc    document
}

// OpenFleetFile reads and checks a fleet file. One that does not exist is empty.
func OpenFleetFile(path string) (*FleetFile, error) {
	path = linked(path)
	f := &FleetFile{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		f.config = &v1alpha1.FleetConfig{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.FleetConfigKind}
		f.doc.text = []byte("apiVersion: " + v1alpha1.APIVersion + "\nkind: " + v1alpha1.FleetConfigKind + "\n")
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fleet file: %w", err)
	}
	if f.config, _, err = inventory.ParseFleetFile(path, text); err != nil {
		return nil, err
	}
	f.was, f.doc.text = text, text
	return f, nil
}

// linked follows symbolic links, also to a file that is not there yet.
func linked(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	const most = 40 // as Linux follows
	for range most {
		target, err := os.Readlink(path)
		if err != nil {
			return path
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return path
}

// Path is where the file is.
func (f *FleetFile) Path() string { return f.path }

// Config is what the file means. It is not to be changed.
func (f *FleetFile) Config() *v1alpha1.FleetConfig { return f.config }

// find returns the fleet of that name, or an error that says what there is.
func (f *FleetFile) find(fleet string) (*v1alpha1.Fleet, error) {
	if f.was == nil {
		return nil, &inventory.NoFleetFileError{Fleet: fleet, Path: f.path}
	}
	return inventory.FindFleet(f.config, fleet)
}

// ConflictError says that somebody else wrote the file since it was opened.
type ConflictError struct{ Path string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("fleet file %s was changed by somebody else just now; nothing was written, run this again", e.Path)
}

// Save writes the file: whole or not at all. A new one is readable by its owner
// alone; one that is there keeps its mode: it may be shared, in Git. It refuses
// with a *ConflictError if somebody else has written the file since it
// was opened: comparing and writing are one step for all who write by Save.
func (f *FleetFile) Save() error {
	if !f.doc.changed {
		return nil
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	is, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("fleet file: %w", err)
	}
	if !bytes.Equal(is, f.was) || (err == nil) != (f.was != nil) {
		return &ConflictError{Path: f.path}
	}
	err = replaceFile(f.path, f.doc.text, f.was == nil)
	if errors.Is(err, os.ErrExist) {
		return &ConflictError{Path: f.path}
	}
	if err != nil {
		return fmt.Errorf("fleet file: %w", err)
	}
	f.was, f.doc.changed = f.doc.text, false
	return nil
}

// lock keeps others from writing the file until unlock is called.
func (f *FleetFile) lock() (unlock func(), err error) {
	if f.was == nil {
		return func() {}, nil // of those who make the file, one succeeds
	}
	unlock, err = lockFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &ConflictError{Path: f.path}
	}
	if err != nil {
		return nil, fmt.Errorf("fleet file: %w", err)
	}
	return unlock, nil
}

// Writable says why the file cannot be written, if it cannot.
func (f *FleetFile) Writable() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("fleet file: %w", err)
	case info.Mode().Perm()&0o200 == 0:
		return fmt.Errorf("fleet file %s is read-only; nothing was changed", f.path)
	}
	folder := filepath.Dir(f.path)
	for above := filepath.Dir(folder); above != folder; above = filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			break
		}
		folder = above // it will be made in this one
	}
	if err := mayWrite(folder); err != nil {
		return fmt.Errorf("fleet file %s cannot be written, folder %s: %w; nothing was changed", f.path, folder, err)
	}
	return nil
}

// replaceFile puts a new file in the place of an old one, or where none is. A
// crash leaves the old one or the new one, never a part of either.
func replaceFile(path string, text []byte, none bool) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	draft, err := os.CreateTemp(folder, "."+filepath.Base(path)+"-*") // 0600, by its contract
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // gone already if all went well
	_, err = draft.Write(text)
	if old, none := os.Stat(path); err == nil && none == nil {
		err = draft.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = draft.Sync()
	}
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if none {
		// A link, unlike a rename, takes nobody's place. Where there are no
		// links the rename does it.
		err := os.Link(draft.Name(), path)
		if err == nil || errors.Is(err, os.ErrExist) {
			return errors.Join(err, syncFolder(folder))
		}
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}
