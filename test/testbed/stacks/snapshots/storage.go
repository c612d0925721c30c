package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// storage is a folder with volumes and snapshots. Whatever has its name there is whole.
type storage struct{ root string }

// snapshot is one of a volume.
type snapshot struct {
	ID     string    `json:"id"`
	Volume string    `json:"volume"`
	Taken  time.Time `json:"taken"`
}

var (
	// errOther is a snapshot's name that is taken by one of another volume.
	errOther = errors.New("there is a snapshot of this name of another volume")
	// errRestless is a directory that was written to all the time.
	errRestless = errors.New("the directory does not stand still for as long as it takes to copy it")
)

// patience is how long a directory is given to stand still.
const patience = 5 * time.Second

func (s storage) prepare() error {
	return errors.Join(os.MkdirAll(filepath.Join(s.root, "volumes"), 0o700), os.MkdirAll(filepath.Join(s.root, "snapshots"), 0o700))
}

func (s storage) volume(id string) string { return filepath.Join(s.root, "volumes", id) }

func (s storage) snapshot(id string) string { return filepath.Join(s.root, "snapshots", id) }

// note is the file that says what a snapshot is; its files are beside.
func (s storage) note(id string) string { return filepath.Join(s.snapshot(id), "snapshot.json") }

func (s storage) files(id string) string { return filepath.Join(s.snapshot(id), "files") }

// valid refuses what would lead out of the folder, or is the name of something half-made.
func valid(id string) error {
	if id == "" || strings.HasPrefix(id, ".") || strings.ContainsAny(id, `/\`) {
		return fmt.Errorf("%q is no name of a volume or a snapshot", id)
	}
	return nil
}

// makeVolume makes a volume, with what a snapshot has if one is named. One that is there is left as it is.
func (s storage) makeVolume(id, from string) error {
	if err := valid(id); err != nil {
		return err
	}
	if _, err := os.Stat(s.volume(id)); err == nil {
		return nil
	}
	half, err := os.MkdirTemp(filepath.Join(s.root, "volumes"), ".")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(half) }()
	if from != "" {
		if _, err := s.find(from); err != nil {
			return err
		}
		if err := os.CopyFS(half, os.DirFS(s.files(from))); err != nil {
			return err
		}
	}
	return os.Rename(half, s.volume(id))
}

// take takes a snapshot of a volume, or finds the one that was taken.
func (s storage) take(id, volume string) (snapshot, error) {
	if err := errors.Join(valid(id), valid(volume)); err != nil {
		return snapshot{}, err
	}
	there, err := s.find(id)
	if err == nil && there.Volume != volume {
		err = errOther
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return there, err
	}
	if _, err := os.Stat(s.volume(volume)); err != nil {
		return snapshot{}, err
	}
	half, err := os.MkdirTemp(filepath.Join(s.root, "snapshots"), ".")
	if err != nil {
		return snapshot{}, err
	}
	defer func() { _ = os.RemoveAll(half) }()
	is := snapshot{ID: id, Volume: volume}
	if is.Taken, err = copyStill(s.volume(volume), filepath.Join(half, "files")); err != nil {
		return is, err
	}
	text, err := json.Marshal(is)
	if err != nil {
		return is, err
	}
	if err := os.WriteFile(filepath.Join(half, "snapshot.json"), text, 0o600); err != nil {
		return is, err
	}
	return is, os.Rename(half, s.snapshot(id))
}

// find reads a snapshot; one that does not exist is fs.ErrNotExist.
func (s storage) find(id string) (snapshot, error) {
	if err := valid(id); err != nil {
		return snapshot{}, errors.Join(err, fs.ErrNotExist)
	}
	text, err := os.ReadFile(s.note(id))
	if err != nil {
		return snapshot{}, err
	}
	var is snapshot
	return is, json.Unmarshal(text, &is)
}

// all are the snapshots there are, by their names.
func (s storage) all() ([]snapshot, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, "snapshots"))
	if err != nil {
		return nil, err
	}
	var all []snapshot
	for _, e := range entries {
		is, err := s.find(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // half-made, or deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, is)
	}
	return all, nil
}

// remove deletes a volume or a snapshot, in one step for whoever looks.
func (s storage) remove(path string) error {
	if err := valid(filepath.Base(path)); err != nil {
		return err
	}
	half := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.Rename(path, half); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(half)
}

// copyStill copies a directory as it was at one instant, and says when that was: it is copied again until nothing has changed meanwhile.
func copyStill(from, to string) (time.Time, error) {
	began := time.Now()
	for {
		taken := time.Now()
		before, err := look(from)
		if err == nil {
			err = os.CopyFS(to, os.DirFS(from))
		}
		var after map[string]entry
		if err == nil {
			after, err = look(from)
		}
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return taken, err
		case err == nil && maps.Equal(before, after):
			return taken, os.MkdirAll(to, 0o700) // an empty one, too
		case time.Since(began) > patience:
			return taken, errors.Join(errRestless, err)
		}
		if err := os.RemoveAll(to); err != nil {
			return taken, err
		}
	}
}

// entry tells one state of a file or folder from another.
type entry struct {
	inode   uint64
	size    int64
	changed syscall.Timespec
}

// look is the state of all below a directory.
func look(dir string) (map[string]entry, error) {
	all := map[string]entry{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		state, is := info.Sys().(*syscall.Stat_t)
		if !is {
			return fmt.Errorf("%s: nothing is known of it but its name", path)
		}
		all[path] = entry{state.Ino, state.Size, state.Ctim}
		return nil
	})
	return all, err
}
