//go:build !windows

package membership

import (
	"errors"
	"os"
)

// syncFolder makes a rename in the folder outlive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
