package script

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Beside a cluster with any fault nobody joins: 1, the cluster is named with the
// reason, and there is no file.
func TestJoinFaults(t *testing.T) {
	for _, one := range faults() {
		if one.name == "context is gone" { // that is a usage error
			continue
		}
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			f := newFaultyFleet(t)
			one.inject(t, f)
			f.write(t)
			file := filepath.Join(f.folder, "joined.yaml")
			f.env = append(f.env, "KUBECTL_FLEET_CONFIG="+file)
			got := f.run(t, "join", "alpha", bad, "--fleet", "f", "--yes", "--cluster-timeout", "500ms").want(t, 1)
			f.says(t, got.stderr, one)
			if got.stdout != "" || strings.Contains(got.stderr, "alpha") {
				t.Errorf("stdout %q, stderr %q", got.stdout, got.stderr)
			}
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file is there: %v", err)
			}
			f.run(t, "join", "alpha", "omega", "--fleet", "f", "--yes").want(t, 0)
		})
	}
}
