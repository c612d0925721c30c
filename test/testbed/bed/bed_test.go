package bed

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

func TestNoBed(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrNone) {
		t.Errorf("Open = %v, want ErrNone", err)
	}
	if err := Down(t.Context(), filepath.Join(dir, "none"), t.Logf); !errors.Is(err, ErrNone) {
		t.Errorf("Down of no folder = %v, want ErrNone", err)
	}
	if err := Down(t.Context(), dir, t.Logf); !errors.Is(err, ErrNone) {
		t.Errorf("Down of an empty folder = %v, want ErrNone", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("an empty folder is left")
	}
}

func TestForeignFolderIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Up(t.Context(), Options{Dir: dir, Clusters: 1, Log: t.Logf})
	if err == nil || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("Up = %v, want a word about the file", err)
	}
	if err := Down(t.Context(), dir, t.Logf); !errors.Is(err, ErrNone) {
		t.Errorf("Down = %v, want ErrNone", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"no cluster":      {Clusters: 0},
		"negative nodes":  {Clusters: 1, Nodes: -1},
		"unknown cluster": {Clusters: 2, Versions: map[string]string{"c3": "1.35.4"}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Dir, o.Log = filepath.Join(t.TempDir(), "bed"), t.Logf
			if _, _, err := Up(t.Context(), o); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestState(t *testing.T) {
	self, err := process.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	alive, dead := process.Unit{Identity: self}, process.Unit{Identity: process.Identity{PID: 1 << 30}}
	for want, units := range map[string]map[string]process.Unit{
		StateDown:     {cluster.APIServer: dead, cluster.Etcd: dead},
		StateKilled:   {cluster.APIServer: dead, cluster.Etcd: alive},
		StateDegraded: {cluster.APIServer: alive, cluster.KWOK: dead},
		StateRunning:  {cluster.APIServer: alive, cluster.Etcd: alive},
	} {
		if got := state(units, cluster.APIServer); got != want {
			t.Errorf("state = %s, want %s", got, want)
		}
	}
	if got := state(nil, cluster.APIServer); got != StateDown {
		t.Errorf("state of nothing = %s, want %s", got, StateDown)
	}
}

// A bed is reaped only when it has an owner and that owner is dead.
func TestReap(t *testing.T) {
	self, err := process.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	for name, owner := range map[string]*process.Identity{"own-living": &self, "own-dead": {PID: 1 << 30}, "own-nobody": nil} {
		b := &Bed{Dir: filepath.Join(parent, name), contents: contents{Owner: owner}}
		if err := os.Mkdir(b.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := b.save(); err != nil {
			t.Fatal(err)
		}
	}
	if err := Reap(t.Context(), filepath.Join(parent, "own-*"), t.Logf); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"own-living": true, "own-dead": false, "own-nobody": true} {
		_, err := os.Stat(filepath.Join(parent, name))
		if (err == nil) != want {
			t.Errorf("%s: kept %t, want %t", name, err == nil, want)
		}
	}
}
