package fanout

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Wave is clusters that have their turn together.
type Wave struct {
	// Name is what the user calls it; may be empty.
	Name     string
	Clusters []inventory.Cluster
	// Empty are the steps after this one that are no waves: as many clusters as they
	// say have had their turn by then.
	Empty []string
}

// WaveStep is how many clusters, or which, have had their turn after a wave.
type WaveStep struct {
	Name string
	// Count of clusters, or of every hundred; 0 if Labels or Pattern say which.
	Count, Percent int
	Labels         labels.Selector
	// Pattern is a glob of names.
	Pattern string
}

// ParseWaves reads the steps of waves, such as canary=1,25%,100%:
//
//	3          after it, 3 clusters have had their turn
//	25%        after it, a quarter of all have, rounded up
//	canary=1   the same, with a name
//	env=dev    those with this label (env==1 if the value is a number)
//	eu-*       those with these names
func ParseWaves(text string) ([]WaveStep, error) {
	var steps []WaveStep
	for element := range strings.SplitSeq(text, ",") {
		step, err := parseWave(strings.TrimSpace(element))
		if err != nil {
			return nil, fmt.Errorf("wave %q: %w", element, err)
		}
		if err := step.grows(steps); err != nil {
			return nil, fmt.Errorf("wave %q: %w", element, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// grows is an error if as many have had their turn before. A count and a part
// cannot be compared: of few clusters a quarter may be one.
func (s WaveStep) grows(before []WaveStep) error {
	for _, b := range before {
		if s.Count > 0 && b.Count >= s.Count || s.Percent > 0 && b.Percent >= s.Percent {
			return errors.New("as many have had their turn before it: each step says how many have had theirs after it, as in 1,3,100%")
		}
	}
	return nil
}

func parseWave(element string) (WaveStep, error) {
	if element == "" {
		return WaveStep{}, errors.New("it is empty")
	}
	step, amount := WaveStep{}, element
	if name, value, named := strings.Cut(element, "="); named {
		if !isAmount(value) {
			selector, err := labels.Parse(element)
			step.Labels = selector
			return step, err
		}
		if step.Name, amount = name, value; name == "" {
			return step, errors.New("its name is empty")
		}
	}
	if !isAmount(amount) {
		if _, err := path.Match(amount, ""); err != nil {
			return step, errors.New("a bad pattern")
		}
		step.Pattern = amount
		return step, nil
	}
	number, isPercent := strings.CutSuffix(amount, "%")
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n < 1:
		return step, errors.New("it must be 1 or more")
	case isPercent && n > 100:
		return step, errors.New("more than 100 % there is not")
	case isPercent:
		step.Percent = n
	default:
		step.Count = n
	}
	return step, nil
}

// isAmount is true for what begins as a number does.
func isAmount(text string) bool {
	return text != "" && (text[0] >= '0' && text[0] <= '9' || text[0] == '-') && strings.Trim(text, "-0123456789%") == ""
}

// Waves shares the clusters out. Those that no step takes are the last wave. A
// step that takes none is an error if it says which.
func Waves(clusters []inventory.Cluster, steps []WaveStep) ([]Wave, error) {
	rest := slices.Clone(clusters)
	var waves []Wave
	for _, step := range steps {
		var turn []inventory.Cluster
		turn, rest = step.take(rest, len(clusters))
		if len(turn) == 0 && (step.Labels != nil || step.Pattern != "") {
			what := step.Pattern
			if step.Labels != nil {
				what = "label " + step.Labels.String()
			}
			return nil, fmt.Errorf("wave %q: none of the clusters that are left fits", what)
		}
		switch {
		case len(turn) > 0:
			waves = append(waves, Wave{Name: step.Name, Clusters: turn})
		case len(waves) > 0:
			last := &waves[len(waves)-1]
			last.Empty = append(last.Empty, step.amount())
		}
	}
	if len(rest) > 0 {
		waves = append(waves, Wave{Clusters: rest})
	}
	return waves, nil
}

// amount is a step that counts clusters, as it was written.
func (s WaveStep) amount() string {
	text := strconv.Itoa(s.Count)
	if s.Percent > 0 {
		text = strconv.Itoa(s.Percent) + "%"
	}
	if s.Name != "" {
		text = s.Name + "=" + text
	}
	return text
}

// take parts the clusters that are left, of all that there are.
func (s WaveStep) take(left []inventory.Cluster, all int) (turn, rest []inventory.Cluster) {
	if s.Labels == nil && s.Pattern == "" {
		until := s.Count
		if s.Percent > 0 {
			until = (all*s.Percent + 99) / 100
		}
		n := min(max(0, until-(all-len(left))), len(left))
		return left[:n], left[n:]
	}
	for _, c := range left {
		fits := s.Labels != nil && s.Labels.Matches(c.Labels)
		if s.Pattern != "" {
			fits, _ = path.Match(s.Pattern, c.Name)
		}
		if fits {
			turn = append(turn, c)
		} else {
			rest = append(rest, c)
		}
	}
	return turn, rest
}
