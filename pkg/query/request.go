package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
)

// DefaultChunkSize is how many objects are asked for at once, as in kubectl.
const DefaultChunkSize = 500

// Request is what is asked of every cluster.
type Request struct {
	Items []Item
	// Namespace of namespaced types. Empty: the namespace of each cluster's own
	// context.
	Namespace     string
	AllNamespaces bool
	LabelSelector string
	FieldSelector string
	// Subresource of the named objects, such as status or scale.
	Subresource string
	// ChunkSize is how many objects are asked for at once; 0 means all.
	ChunkSize int64
	// SortBy is a JSONPath; the objects of all clusters are sorted by it
	// together. Empty: the order of clusters, and in each the server's.
	SortBy string
	// Limit is how many objects there are at most, over all clusters and after
	// sorting. 0: no limit.
	Limit int
	// ManagedFields keeps metadata.managedFields in objects.
	ManagedFields bool
	// Columns are what tables show beside the servers' columns.
	Columns Columns
}

// Item is one resource type, and the names of the objects wanted of it. No
// names: all of them.
type Item struct {
	// Type is what the user typed: pods, po, deploy.apps, Deployment.
	Type  string
	Names []string
}

// ParseItems reads the arguments of get: TYPE[,TYPE…] [NAME…] or
// TYPE/NAME [TYPE/NAME…].
func ParseItems(args []string) ([]Item, error) {
	if len(args) == 0 {
		return nil, errors.New("a resource type is required")
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "/") }) {
		return parsePairs(args)
	}
	var items []Item
	for t := range strings.SplitSeq(args[0], ",") {
		if t = strings.TrimSpace(t); t == "" {
			return nil, fmt.Errorf("empty resource type in %q", args[0])
		}
		items = append(items, Item{Type: t, Names: args[1:]})
	}
	return items, nil
}

// parsePairs gathers TYPE/NAME arguments by type, in the order in which the
// types first appear.
func parsePairs(args []string) ([]Item, error) {
	var items []Item
	for _, arg := range args {
		kind, name, isPair := strings.Cut(arg, "/")
		if !isPair {
			return nil, fmt.Errorf("%q is not of the form TYPE/NAME, and the other arguments are: name every object that way, or the type once and then only names", arg)
		}
		if kind == "" || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%q: want TYPE/NAME", arg)
		}
		i := slices.IndexFunc(items, func(it Item) bool { return it.Type == kind })
		if i < 0 {
			items = append(items, Item{Type: kind})
			i = len(items) - 1
		}
		items[i].Names = append(items[i].Names, name)
	}
	return items, nil
}

// Named reports whether the request names objects.
func (r Request) Named() bool {
	return slices.ContainsFunc(r.Items, func(i Item) bool { return len(i.Names) > 0 })
}

// Validate finds what any server would refuse, or understand otherwise than
// meant, before any is asked.
func (r Request) Validate() error {
	if r.Namespace != "" {
		if errs := content.IsPathSegmentName(r.Namespace); len(errs) > 0 {
			return fmt.Errorf("namespace %q: %s", r.Namespace, errs[0])
		}
	}
	for _, item := range r.Items {
		if resource, _, _ := strings.Cut(item.Type, "."); resource == "" {
			return fmt.Errorf("%q is no resource type: want RESOURCE or RESOURCE.GROUP", item.Type)
		}
		for _, name := range item.Names {
			if name == "" {
				return fmt.Errorf("an empty name of %s", item.Type)
			}
			if errs := content.IsPathSegmentName(name); len(errs) > 0 {
				return fmt.Errorf("name %q of %s: %s", name, item.Type, errs[0])
			}
		}
	}
	if r.SortBy != "" {
		if _, err := newSorter(r.SortBy); err != nil {
			return err
		}
	}
	if r.Limit < 0 || r.ChunkSize < 0 {
		return errors.New("a limit or chunk size cannot be negative")
	}
	if r.Subresource != "" {
		if errs := content.IsPathSegmentName(r.Subresource); len(errs) > 0 {
			return fmt.Errorf("subresource %q: %s", r.Subresource, errs[0])
		}
		if !r.Named() {
			return errors.New("a subresource needs the names of objects")
		}
	}
	if !r.Named() {
		return nil
	}
	if r.AllNamespaces {
		return errors.New("a resource cannot be retrieved by name across all namespaces")
	}
	if r.LabelSelector != "" || r.FieldSelector != "" {
		return errors.New("name cannot be provided when a selector is specified")
	}
	return nil
}
