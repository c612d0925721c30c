package bed

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	inotifyLimit = "/proc/sys/fs/inotify/max_user_instances"
	// perCluster is how many inotify instances the processes of one cluster take, most of them for certificate files.
	perCluster = 13
	// spare is left for whatever else the user runs.
	spare = 32
)

// raiseInotifyLimit sees to it that the clusters to come, and the next program after them, can watch files: the limit counts per
// user, and who comes too late dies with "too many open files". It returns a warning with the remedy when it cannot.
func raiseInotifyLimit(clusters int) string {
	limit, err := readInt(inotifyLimit)
	if err != nil {
		return fmt.Sprintf("cannot read the limit on inotify instances: %v", err)
	}
	need := inotifyInUse() + clusters*perCluster + spare
	if limit >= need {
		return ""
	}
	// Well above the need, so that the next bed does not have to raise it again.
	target := max(1024, 2*need)
	if err := os.WriteFile(inotifyLimit, []byte(strconv.Itoa(target)), 0o644); err != nil {
		return fmt.Sprintf("fs.inotify.max_user_instances is %d and %d are needed, and it cannot be raised (%v): some program may die with \"too many open files\"; as root run: sysctl fs.inotify.max_user_instances=%d", limit, need, err, target)
	}
	return ""
}

// inotifyInUse counts the instances of all processes that can be looked into, which are those of the user.
func inotifyInUse() int {
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	n := 0
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && to == "anon_inode:inotify" {
			n++
		}
	}
	return n
}

func readInt(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}
