package fleetbackup

import (
	"fmt"
	"strings"
)

// pairs reads a flag of pairs, such as OLD:NEW. A name may be mapped once.
func pairs(flag, between string, values []string) (map[string]string, error) {
	if len(values) == 0 {
		return nil, nil
	}
	found := map[string]string{}
	for _, value := range values {
		from, to, is := strings.Cut(value, between)
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		if !is || from == "" || to == "" {
			return nil, fmt.Errorf("--%s %q: want OLD%sNEW", flag, value, between)
		}
		if before, twice := found[from]; twice && before != to {
			return nil, fmt.Errorf("--%s: %s is mapped to %s and to %s", flag, from, before, to)
		}
		found[from] = to
	}
	return found, nil
}
