// Command node is a real node on this machine: containerd and the kubelet in namespaces of their own, so that nothing of theirs, mounts,
// settings of the kernel, logs or pods, is left when it ends. It is also what runs in the node's own image, as `node pause`.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// config is what the add-on writes.
type config struct {
	// Dir has a folder for what would be in /var/log.
	Dir string `json:"dir"`
	// Image is a file with the node's only image, and Import how it is brought in.
	Import []string `json:"import"`
	// Runtime and Kubelet are started again when they end.
	Runtime []string `json:"runtime"`
	Kubelet []string `json:"kubelet"`
	// Socket is there when the runtime serves.
	Socket string `json:"socket"`
	// Cgroup is that of all pods.
	Cgroup string `json:"cgroup"`
}

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "pause":
		pause()
	case len(os.Args) == 3 && os.Args[1] == "run":
		err = run(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "inside":
		err = inside(os.Args[2])
	case len(os.Args) > 4 && os.Args[1] == "runc":
		err = runc(os.Args[2], os.Args[3:])
	default:
		err = fmt.Errorf("usage: node pause | run CONFIG | runc CGROUP PATH ARGUMENT...")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

// pause waits to be ended, and meanwhile for processes that nobody else waits for.
func pause() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		select {
		case <-end:
			return
		case <-children:
			for {
				if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}

// run starts the namespaces, whose first process dies with this one, and all others with that.
func run(file string) error {
	runtime.LockOSThread() // the death of this thread is the signal
	c, err := read(file)
	if err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	first := exec.Command("/proc/self/exe", "inside", file)
	first.Stdout, first.Stderr = os.Stdout, os.Stderr
	first.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := first.Start(); err != nil {
		return fmt.Errorf("namespaces for mounts and processes (root is needed): %w", err)
	}
	go func() {
		<-end
		_ = first.Process.Kill()
	}()
	err = first.Wait()
	removeCgroups(c.Cgroup)
	return err
}

// runc is the runtime of that path. Containers are in a cgroup of the bed's own, and without the filter for system calls that every
// pod's first one is given: what applies it is a C library, which a machine that builds this need not have.
func runc(cgroup string, command []string) error {
	for i, arg := range command[:len(command)-1] {
		if arg != "--bundle" {
			continue
		}
		file := filepath.Join(command[i+1], "config.json")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var spec, linux map[string]json.RawMessage
		var path string
		if err = json.Unmarshal(text, &spec); err == nil {
			err = json.Unmarshal(spec["linux"], &linux)
		}
		if err == nil {
			err = json.Unmarshal(linux["cgroupsPath"], &path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		delete(linux, "seccomp")
		if linux["cgroupsPath"], err = json.Marshal(filepath.Join("/", cgroup, filepath.Base(path))); err != nil {
			return err
		}
		if spec["linux"], err = json.Marshal(linux); err != nil {
			return err
		}
		if text, err = json.Marshal(spec); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
	}
	return syscall.Exec(command[0], command, os.Environ())
}

func read(file string) (config, error) {
	var c config
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

// removeCgroups removes what is left of the pods' cgroups, in each hierarchy, from below.
func removeCgroups(name string) {
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		tops, _ := filepath.Glob(filepath.Join(pattern, name))
		for _, top := range tops {
			var folders []string
			_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					folders = append(folders, path)
				}
				return nil
			})
			for i := len(folders) - 1; i >= 0; i-- {
				_ = syscall.Rmdir(folders[i])
			}
		}
	}
}

// settings are what a kubelet changes of the kernel's.
var settings = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// inside is the first process within.
func inside(file string) error {
	c, err := read(file)
	if err != nil {
		return err
	}
	if err := mounts(c.Dir); err != nil {
		return err
	}
	go keep(c.Runtime)
	for {
		if _, err := os.Stat(c.Socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for {
		out, err := command(c.Import).CombinedOutput()
		if err == nil {
			break
		}
		fmt.Fprintf(os.Stderr, "node: import: %v: %s\n", err, out)
		time.Sleep(200 * time.Millisecond)
	}
	keep(c.Kubelet)
	return nil
}

// mounts are private: what is mounted here, and by what runs here, is seen nowhere else.
func mounts(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// The kubelet writes to these; it is given copies.
	for i, name := range settings {
		at := filepath.Join("/proc/sys", name)
		value, err := os.ReadFile(at)
		if err != nil {
			continue
		}
		copied := filepath.Join(dir, fmt.Sprintf("setting-%d", i))
		if err := os.WriteFile(copied, value, 0o600); err != nil {
			return err
		}
		if err := syscall.Mount(copied, at, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("hide %s: %w", at, err)
		}
	}
	logs := filepath.Join(dir, "log")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount(logs, "/var/log", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("hide /var/log: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("hide /run: %w", err)
	}
	return nil
}

// keep runs a program for ever. What nobody else waits for is waited for here, since this is the first process.
func keep(args []string) {
	for {
		cmd := command(args)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		err := cmd.Run()
		fmt.Fprintf(os.Stderr, "node: %s ended: %v\n", filepath.Base(args[0]), err)
		time.Sleep(500 * time.Millisecond)
	}
}

func command(args []string) *exec.Cmd { return exec.Command(args[0], args[1:]...) }
