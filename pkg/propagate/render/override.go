package render

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-openapi/jsonpointer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Override gives a field another value in some clusters.
type Override struct {
	text     string
	clusters inventory.Selector
	// scope is which objects are meant; nil: the one that has the field.
	scope   *scope
	pointer string
	path    manifest.Path
	// value is nil where the field is taken away.
	value any
}

// overrideForm is the grammar. Of what is before the pointer, the first colon ends
// the clusters: their names have none. The pointer begins with a slash, which
// TYPE/NAME does not, and the first = ends it.
const overrideForm = "CLUSTERS:/FIELD/PATH=VALUE or CLUSTERS:TYPE/NAME:/FIELD/PATH=VALUE"

// ParseOverride reads CLUSTERS:[TYPE/NAME:]/JSON/POINTER=VALUE. CLUSTERS are
// names and globs as in -C; TYPE and NAME may be globs; VALUE is YAML, and null
// takes the field away.
func ParseOverride(text string) (Override, error) {
	o, err := parseOverride(text)
	if err != nil {
		return o, fmt.Errorf("override %q: %w", text, err)
	}
	return o, nil
}

func parseOverride(text string) (Override, error) {
	o := Override{text: text}
	before, rest, found := strings.Cut(text, ":/")
	if !found {
		return o, errors.New("want " + overrideForm)
	}
	pointer, value, found := strings.Cut(rest, "=")
	if !found {
		return o, errors.New("what is the field to be? Want " + overrideForm)
	}
	clusters, of, scoped := strings.Cut(before, ":")
	var err error
	if o.clusters.Names, o.clusters.Exclude, err = inventory.ParseNames(strings.Split(clusters, ",")); err != nil {
		return o, err
	}
	if scoped {
		if o.scope, err = parseScope(of); err != nil {
			return o, err
		}
	}
	o.pointer = "/" + pointer
	if o.path, err = parsePointer(o.pointer); err != nil {
		return o, err
	}
	o.value, err = parseValue(value)
	return o, err
}

func parsePointer(text string) (manifest.Path, error) {
	pointer, err := jsonpointer.New(text)
	if err != nil {
		return nil, err
	}
	path := manifest.Path{}
	for _, token := range pointer.DecodedTokens() {
		if token == "" {
			return nil, fmt.Errorf("%s has an empty part", text)
		}
		path = append(path, token)
	}
	switch text {
	case "/apiVersion", "/kind", "/metadata", "/metadata/name", "/metadata/namespace":
		return nil, fmt.Errorf("%s says which object it is, and cannot be overridden; a value of the manifest may have ${cluster.name}", text)
	}
	return path, nil
}

func parseValue(text string) (any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New(`the value is empty: "" is an empty text, and null takes the field away`)
	}
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the value is no YAML: %w", err)
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, fmt.Errorf("the value is no YAML: %w", err)
	}
	return value, nil
}

// String is the override as it was written.
func (o Override) String() string { return o.text }

// overrides applies them, one after the other.
func (x *renderer) overrides() error {
	for _, o := range x.Overrides {
		if err := x.override(o); err != nil {
			return fmt.Errorf("--override %q: %w", o.text, err)
		}
	}
	return nil
}

func (x *renderer) override(o Override) error {
	chosen, err := o.clusters.Select(x.Clusters)
	if none := (*inventory.NoneSelectedError)(nil); errors.As(err, &none) {
		return fmt.Errorf("it is for none of the clusters, which are %s", inventory.Names(x.Clusters))
	}
	if unknown, is := errors.AsType[*inventory.UnknownClusterError](err); is {
		if _, elsewhere := (inventory.Selector{Names: []string{unknown.Name}}).Select(x.Listed); elsewhere == nil {
			return fmt.Errorf("%s is not selected; the clusters are %s", unknown.Name, inventory.Names(x.Clusters))
		}
	}
	if err != nil {
		return err
	}
	done := 0
	var nothing error
	for _, s := range x.scenes {
		if !contains(chosen, s.Name) {
			continue
		}
		found, err := o.find(s.objects)
		if missing := (*missingError)(nil); errors.As(err, &missing) {
			nothing = err
			continue
		}
		if err != nil {
			return err
		}
		for _, object := range found {
			if err := o.apply(object, s.Cluster); err != nil {
				return err
			}
			done++
		}
	}
	if done == 0 {
		return nothing
	}
	return nil
}

func contains(clusters []inventory.Cluster, name string) bool {
	for _, c := range clusters {
		if c.Name == name {
			return true
		}
	}
	return false
}

func (o Override) apply(to *object, c inventory.Cluster) error {
	value, err := expand(nil, runtime.DeepCopyJSONValue(o.value), c, func(_ manifest.Path, err error) error { return err })
	if err != nil {
		return err
	}
	if err := to.put(o.path, value); err != nil {
		return &manifest.Error{Origin: to.Lines().Of(o.path), Err: fmt.Errorf("%s: %w", to.What(), err)}
	}
	to.overridden = append(to.overridden, overridden{o.pointer, fmt.Sprintf("--override %q", o.text)})
	return nil
}
