package query

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/util/jsonpath"
)

// sortKey is the value that an object is sorted by. Keys of all clusters have
// one order, whatever their types: what has no such field comes first, as in
// kubectl, then booleans, numbers, quantities, and text.
type sortKey struct {
	class  keyClass
	number float64
	amount resource.Quantity
	text   string
}

type keyClass int

const (
	keyMissing keyClass = iota
	keyBool
	keyNumber
	keyQuantity
	keyText
)

func (k sortKey) compare(other sortKey) int {
	if k.class != other.class {
		return cmp.Compare(k.class, other.class)
	}
	switch k.class {
	case keyMissing:
		return 0
	case keyBool, keyNumber:
		return cmp.Compare(k.number, other.number)
	case keyQuantity:
		return cmp.Or(k.amount.Cmp(other.amount), cmp.Compare(k.text, other.text))
	case keyText:
		return cmp.Compare(k.text, other.text)
	}
	return 0
}

// sorter finds the sort key of objects. It is not safe for concurrent use.
type sorter struct{ path *jsonpath.JSONPath }

// newSorter reads the value of --sort-by: .metadata.name, {.metadata.name} or
// metadata.name.
func newSorter(field string) (*sorter, error) {
	expression := field
	if !strings.HasPrefix(field, "{") {
		expression = "{." + strings.TrimPrefix(field, ".") + "}"
	}
	path := jsonpath.New("sort-by").AllowMissingKeys(true)
	if err := path.Parse(expression); err != nil {
		return nil, fmt.Errorf("--sort-by %q: %w", field, err)
	}
	return &sorter{path: path}, nil
}

// key is the first value that the path finds in the object. A path that does
// not fit an object at all finds nothing there.
func (s *sorter) key(object map[string]any) sortKey {
	found, err := s.path.FindResults(object)
	if err != nil || len(found) == 0 || len(found[0]) == 0 || !found[0][0].IsValid() || !found[0][0].CanInterface() {
		return sortKey{}
	}
	switch value := found[0][0].Interface().(type) {
	case nil:
		return sortKey{}
	case bool:
		if value {
			return sortKey{class: keyBool, number: 1}
		}
		return sortKey{class: keyBool}
	case int64:
		return sortKey{class: keyNumber, number: float64(value)}
	case float64:
		return sortKey{class: keyNumber, number: value}
	case string:
		if amount, err := resource.ParseQuantity(value); err == nil {
			return sortKey{class: keyQuantity, amount: amount, text: value}
		}
		return sortKey{class: keyText, text: value}
	default:
		return sortKey{class: keyText, text: fmt.Sprint(value)}
	}
}
