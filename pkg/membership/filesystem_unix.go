//go:build !windows

package membership

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder makes a rename in the folder outlive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// lockFile waits until nobody else has the file locked. The lock is on the file
// itself and ends with the process: there is no lock file to be left behind.
func lockFile(path string) (unlock func(), err error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOLCK) {
			return func() { _ = file.Close() }, nil // such file systems have no locks
		}
		if err == nil && same(file, path) {
			return func() { _ = file.Close() }, nil
		}
		// The one before us has put a new file in its place.
		if err := errors.Join(err, file.Close()); err != nil && !errors.Is(err, syscall.EINTR) {
			return nil, err
		}
	}
}

func same(file *os.File, path string) bool {
	a, err := file.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// mayWrite says why we may not write in a folder.
func mayWrite(folder string) error {
	const write = 0x2 // W_OK of access(2)
	return syscall.Access(folder, write)
}
