package weight

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Max is the largest weight that a user can give.
const Max = 1 << 31

// Parse reads weights as users write them: prod=90,dr=10. The names are as they
// stand: what clusters there are is not known here.
func Parse(text string) ([]Weight, error) {
	var weights []Weight
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(text, ",") {
		w, err := parsePair(strings.TrimSpace(pair))
		if err != nil {
			return nil, fmt.Errorf("weight %q: %w", pair, err)
		}
		if seen[w.Cluster] {
			return nil, fmt.Errorf("weight %q: %s has one already", pair, w.Cluster)
		}
		seen[w.Cluster] = true
		weights = append(weights, w)
	}
	return weights, nil
}

func parsePair(pair string) (Weight, error) {
	// The last =, since a context may have one in its name.
	at := strings.LastIndex(pair, "=")
	if at < 0 {
		return Weight{}, errors.New("want CLUSTER=WEIGHT")
	}
	cluster := pair[:at]
	switch {
	case cluster == "":
		return Weight{}, errors.New("which cluster?")
	case strings.HasPrefix(cluster, "^") || strings.ContainsAny(cluster, `*?[\`):
		return Weight{}, errors.New("a weight is one cluster's; patterns are not allowed")
	}
	n, err := strconv.ParseUint(pair[at+1:], 10, 64)
	if err != nil || n > Max {
		return Weight{}, fmt.Errorf("want a whole number from 0 to %d", int64(Max))
	}
	return Weight{cluster, int64(n)}, nil
}
