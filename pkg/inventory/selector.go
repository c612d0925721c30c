package inventory

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// Selector narrows a listing. The zero value selects everything.
type Selector struct {
	// Names are literals and globs over member names and context names; a
	// cluster that matches any is in. Empty: every cluster is in.
	Names []string
	// Exclude are literals and globs; a cluster that matches any is out.
	Exclude []string
	// Labels must match the member's labels as well. Nil: everything matches.
	Labels labels.Selector
}

// ParseNames splits the values of -C into what is included and what, behind a
// "^", is excluded.
func ParseNames(values []string) (names, exclude []string, err error) {
	for _, v := range values {
		v = strings.TrimSpace(v)
		pattern, excluded := strings.CutPrefix(v, "^")
		if pattern == "" {
			return nil, nil, fmt.Errorf("empty cluster name in %q", strings.Join(values, ","))
		}
		if excluded {
			exclude = append(exclude, pattern)
		} else {
			names = append(names, pattern)
		}
	}
	return names, exclude, nil
}

// UnknownClusterError is a name that no cluster of the inventory has.
type UnknownClusterError struct {
	Name string
	// Similar are names that the user may have meant, the nearest first.
	Similar []string
}

func (e *UnknownClusterError) Error() string {
	msg := fmt.Sprintf("no cluster is called %q", e.Name)
	if len(e.Similar) > 0 {
		msg += fmt.Sprintf("; did you mean %s?", strings.Join(e.Similar, " or "))
	}
	return msg
}

// NoneSelectedError is a selection that leaves no cluster.
type NoneSelectedError struct {
	// Listed is how many clusters the inventory has.
	Listed   int
	Selector Selector
}

func (e *NoneSelectedError) Error() string {
	return fmt.Sprintf("none of the %d clusters of the inventory matches %s", e.Listed, e.Selector)
}

// String shows the selector as the user would type it.
func (s Selector) String() string {
	var parts []string
	if patterns := slices.Clone(s.Names); len(patterns)+len(s.Exclude) > 0 {
		for _, x := range s.Exclude {
			patterns = append(patterns, "^"+x)
		}
		parts = append(parts, "--clusters "+strings.Join(patterns, ","))
	}
	if s.Labels != nil && !s.Labels.Empty() {
		parts = append(parts, "--cluster-selector "+s.Labels.String())
	}
	if len(parts) == 0 {
		return "an empty selection"
	}
	return strings.Join(parts, " ")
}

// Select returns the clusters that match, in the order given. A literal that
// names no cluster is an UnknownClusterError, excluded or not: a misspelt
// exclusion would otherwise widen the selection. Nothing left is a
// NoneSelectedError.
func (s Selector) Select(cs []Cluster) ([]Cluster, error) {
	in, err := matching(s.Names, cs)
	if err != nil {
		return nil, err
	}
	out, err := matching(s.Exclude, cs)
	if err != nil {
		return nil, err
	}
	var selected []Cluster
	for i, c := range cs {
		if (len(s.Names) == 0 || in[i]) && !out[i] && (s.Labels == nil || s.Labels.Matches(c.Labels)) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, &NoneSelectedError{Listed: len(cs), Selector: s}
	}
	return selected, nil
}

// matching tells for each cluster whether any pattern means it. A pattern is
// the member name of one cluster, or else an alias or the name of a context, or
// else a glob over all: what is somebody's exact name never means somebody else,
// too.
func matching(patterns []string, cs []Cluster) ([]bool, error) {
	matched := make([]bool, len(cs))
	for _, pattern := range patterns {
		isName := func(c Cluster) bool { return c.Name == pattern }
		isAlias := func(c Cluster) bool { return slices.Contains(c.Aliases, pattern) }
		isContext := func(c Cluster) bool { return c.Context != "" && c.Context == pattern }
		isMatch := func(c Cluster) bool {
			return slices.ContainsFunc(append([]string{c.Name, c.Context}, c.Aliases...), func(name string) bool { return globMatch(pattern, name) })
		}
		means := isMatch
		switch {
		case slices.ContainsFunc(cs, isName):
			means = isName
		case slices.ContainsFunc(cs, isAlias):
			means = isAlias
		case slices.ContainsFunc(cs, isContext):
			means = isContext
		case !strings.ContainsAny(pattern, "*?["):
			return nil, &UnknownClusterError{Name: pattern, Similar: similarNames(pattern, cs)}
		default:
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, fmt.Errorf("cluster pattern %q: %w", pattern, err)
			}
		}
		for i, c := range cs {
			matched[i] = matched[i] || means(c)
		}
	}
	return matched, nil
}

// globMatch is path.Match with "/" an ordinary character: context names are
// full of slashes that mean nothing to the user's pattern.
func globMatch(pattern, name string) bool {
	const slash = "\x00"
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", slash), strings.ReplaceAll(name, "/", slash))
	return err == nil && ok
}
