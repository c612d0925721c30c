package restore

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// RunLabel is on all that a run makes, and names the run.
const RunLabel = "kubectl-fleet.io/restore-run"

const (
	runSuffix  = 5
	runInName  = 24
	nameInName = 14
	hashInName = 6
)

// NewRun is the name of a new run for a set.
func NewRun(set string) string { return set + "-r" + strings.ToLower(rand.Text())[:runSuffix] }

// restoreName is the name of a Restore: the same in whoever goes on with the run. It
// is no longer than 50 characters, so that it is a label, too.
func restoreName(run, source string) string {
	sum := sha256.Sum256([]byte(run + "/" + source))
	return "fr-" + cut(run, runInName) + "-" + cut(source, nameInName) + "-" + hex.EncodeToString(sum[:])[:hashInName]
}

// cut shortens a name to a length, and leaves no mark at its end.
func cut(name string, length int) string {
	return strings.TrimRight(name[:min(len(name), length)], "-.")
}
