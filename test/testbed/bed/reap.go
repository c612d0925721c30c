package bed

import (
	"context"
	"errors"
	"path/filepath"
)

// Reap takes down the beds in the folders that match a pattern and whose owner has died, such as those of a test run that was killed.
// Beds without an owner are left alone.
func Reap(ctx context.Context, pattern string, log func(format string, args ...any)) error {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		b, err := Open(dir)
		if err != nil {
			continue
		}
		if owned, alive := b.Owned(); !owned || alive {
			continue
		}
		log("take down the testbed %s, whose owner has died", dir)
		if err := Down(ctx, dir, log); err != nil && !errors.Is(err, ErrNone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
