package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Spec says what to run.
type Spec struct {
	Path string   `json:"path"`
	Args []string `json:"args"`
	// Env is the whole environment: nothing is inherited, so that a proxy set for the user does not swallow loopback calls.
	Env []string `json:"env"`
	// Log receives stdout and stderr, appended.
	Log string `json:"log"`
}

// Unit is a program that was started: enough to find it again, to end it, and to start it once more.
type Unit struct {
	Spec
	Identity
}

// gate waits for one line on descriptor 3 before it becomes the real program. When the starter dies first, the line never comes,
// read fails, and nothing is left running that has no record.
const gate = `IFS= read -r go <&3 && exec 3<&- && exec "$@"`

// Start runs s in a session of its own and records it in file before it executes its first instruction.
func Start(file string, s Spec) (Unit, error) {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return Unit{}, fmt.Errorf("open the log of %s: %w", filepath.Base(s.Path), err)
	}
	defer func() { _ = log.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return Unit{}, fmt.Errorf("start %s: %w", filepath.Base(s.Path), err)
	}
	defer func() { _ = w.Close() }()

	//nolint:noctx // it is to outlive whoever starts it
	cmd := exec.Command("/bin/sh", append([]string{"-c", gate, "sh", s.Path}, s.Args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.Env, log, log
	cmd.ExtraFiles = []*os.File{r}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = r.Close()
	if err != nil {
		return Unit{}, fmt.Errorf("start %s: %w", filepath.Base(s.Path), err)
	}
	// Its exit status is of no use, but a child that is not waited for stays a zombie.
	go func() { _ = cmd.Wait() }()

	id, err := Of(cmd.Process.Pid)
	if err != nil {
		return Unit{}, fmt.Errorf("start %s: %w", filepath.Base(s.Path), err)
	}
	u := Unit{Spec: s, Identity: id}
	if err := u.save(file); err != nil {
		return Unit{}, err
	}
	if _, err := w.WriteString("go\n"); err != nil {
		return Unit{}, fmt.Errorf("start %s: %w", filepath.Base(s.Path), err)
	}
	return u, nil
}

// Load reads a unit from the file Start wrote. The error wraps fs.ErrNotExist when it was never started.
func Load(file string) (Unit, error) {
	var u Unit
	b, err := os.ReadFile(file)
	if err != nil {
		return u, err
	}
	if err := json.Unmarshal(b, &u); err != nil {
		return u, fmt.Errorf("read %s: %w", file, err)
	}
	return u, nil
}

// LoadAll reads the units in a folder by name (the file's name without .json). A folder that does not exist holds none.
func LoadAll(dir string) (map[string]Unit, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	units := map[string]Unit{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		u, err := Load(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		units[name] = u
	}
	return units, nil
}

func (u Unit) save(file string) error {
	b, err := json.Marshal(u)
	if err != nil {
		return err
	}
	// The rename keeps a reader from ever seeing half a record.
	temp := file + ".new"
	if err := os.WriteFile(temp, b, 0o600); err != nil {
		return fmt.Errorf("record %s: %w", filepath.Base(u.Path), err)
	}
	return os.Rename(temp, file)
}
