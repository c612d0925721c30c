package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory returns the proportional set size in bytes: pages shared with other processes, such as the text of one binary run many
// times, count by their share, so that a sum over processes is what they take together. It is 0 for a process that is gone.
func (id Identity) Memory() (int64, error) {
	if id.State() == Gone {
		return 0, nil
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(id.PID) + "/smaps_rollup")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", id.PID, err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("process %d: no Pss line in smaps_rollup", id.PID)
}
