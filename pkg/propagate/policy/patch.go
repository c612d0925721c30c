package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-openapi/jsonpointer"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"github.com/karmada-io/karmada/pkg/util/imageparser"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patcher applies overriders to an object until one fails.
type patcher struct {
	*override
	object  *unstructured.Unstructured
	changes []Change
	err     error
}

// each applies overriders of one sort, one after the other: each sees what the
// one before left.
func each[T any](p *patcher, at manifest.Path, overriders []T, operations func(*unstructured.Unstructured, T) ([]operation, error)) {
	for i, v := range overriders {
		if p.err != nil {
			return
		}
		found, err := operations(p.object, v)
		if err == nil {
			err = p.patch(at.Child(i), found)
		}
		if err != nil {
			p.err = p.lines.Errorf(at.Child(i), "%s cannot be changed so: %w", manifest.Object{Unstructured: p.object}.What(), err)
		}
	}
}

func (p *patcher) patch(at manifest.Path, operations []operation) error {
	if len(operations) == 0 {
		return nil
	}
	before, err := json.Marshal(p.object.Object)
	if err != nil {
		return err
	}
	after, err := patched(before, operations)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	var object unstructured.Unstructured
	// The library's error would show the whole object, which may be a Secret.
	if err := object.UnmarshalJSON(after); err != nil || object.GetAPIVersion() == "" || object.GetName() == "" {
		return errors.New("what is left has no apiVersion, kind and name")
	}
	p.object.Object = object.Object
	for _, o := range operations {
		p.changes = append(p.changes, Change{p.what(), p.lines.Of(at), o.Path})
	}
	return nil
}

// patched is a JSON document after a patch, which happens as a whole or not at
// all.
func patched(document []byte, operations []operation) ([]byte, error) {
	data, err := json.Marshal(operations)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		return nil, err
	}
	return patch.Apply(document)
}

// containersOf is the path of the containers in which Karmada looks for images,
// commands and arguments; other kinds have none for it, and neither are there
// init containers.
func containersOf(kind string) []string {
	switch kind {
	case "Pod":
		return []string{"spec", "containers"}
	case "ReplicaSet", "Deployment", "DaemonSet", "StatefulSet", "Job":
		return []string{"spec", "template", "spec", "containers"}
	}
	return nil
}

// containers are those of an object, each with its path.
func containers(object *unstructured.Unstructured) (paths []string, found []map[string]any, err error) {
	at := containersOf(object.GetKind())
	if at == nil {
		return nil, nil, nil
	}
	list, _, err := unstructured.NestedSlice(object.Object, at...)
	if err != nil {
		return nil, nil, err
	}
	for i, item := range list {
		container, is := item.(map[string]any)
		if !is {
			return nil, nil, fmt.Errorf("%s[%d] is not an object", strings.Join(at, "."), i)
		}
		paths = append(paths, "/"+strings.Join(at, "/")+"/"+strconv.Itoa(i))
		found = append(found, container)
	}
	return paths, found, nil
}

// images changes a part of the image at a path, or of all containers.
func images(object *unstructured.Unstructured, v policyv1alpha1.ImageOverrider) ([]operation, error) {
	if v.Predicate != nil {
		image, err := stringAt(object, v.Predicate.Path)
		if err != nil {
			return nil, err
		}
		image, err = imageWith(image, v)
		return []operation{{opReplace, v.Predicate.Path, image}}, err
	}
	paths, found, err := containers(object)
	if err != nil {
		return nil, err
	}
	var operations []operation
	for i, container := range found {
		image, _ := container["image"].(string)
		if image, err = imageWith(image, v); err != nil {
			return nil, err
		}
		operations = append(operations, operation{opReplace, paths[i] + "/image", image})
	}
	return operations, nil
}

// imageWith is an image with one part changed. To add is to append: Karmada
// makes a registry out of one that was missing so.
func imageWith(image string, v policyv1alpha1.ImageOverrider) (string, error) {
	parts, err := imageparser.Parse(image)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", image, err)
	}
	get, set, remove := parts.Hostname, parts.SetHostname, parts.RemoveHostname
	switch v.Component {
	case policyv1alpha1.Repository:
		get, set, remove = parts.Repository, parts.SetRepository, parts.RemoveRepository
	case policyv1alpha1.Tag:
		get, set, remove = parts.TagOrDigest, parts.SetTagOrDigest, parts.RemoveTagOrDigest
	case policyv1alpha1.Registry:
	}
	switch v.Operator {
	case policyv1alpha1.OverriderOpAdd:
		set(get() + v.Value)
	case policyv1alpha1.OverriderOpReplace:
		set(v.Value)
	case policyv1alpha1.OverriderOpRemove:
		remove()
	}
	return parts.String(), nil
}

// words changes the command or the arguments of the containers of a name.
func words(field string) func(*unstructured.Unstructured, policyv1alpha1.CommandArgsOverrider) ([]operation, error) {
	return func(object *unstructured.Unstructured, v policyv1alpha1.CommandArgsOverrider) ([]operation, error) {
		paths, found, err := containers(object)
		if err != nil {
			return nil, err
		}
		var operations []operation
		for i, container := range found {
			if container["name"] != v.ContainerName {
				continue
			}
			list, is := container[field].([]any)
			op := opReplace
			if container[field] == nil {
				op = opAdd
			} else if !is {
				return nil, fmt.Errorf("%s of container %s is not a list", field, v.ContainerName)
			}
			left := append([]any{}, list...)
			if v.Operator == policyv1alpha1.OverriderOpRemove {
				left = slices.DeleteFunc(left, func(word any) bool { return slices.Contains(v.Value, fmt.Sprint(word)) })
			} else {
				for _, word := range v.Value {
					left = append(left, word)
				}
			}
			operations = append(operations, operation{op, paths[i] + "/" + field, left})
		}
		return operations, nil
	}
}

// pairs changes labels or annotations. Only those that are there are replaced or
// removed.
func pairs(field string) func(*unstructured.Unstructured, policyv1alpha1.LabelAnnotationOverrider) ([]operation, error) {
	return func(object *unstructured.Unstructured, v policyv1alpha1.LabelAnnotationOverrider) ([]operation, error) {
		there, is, err := unstructured.NestedStringMap(object.Object, "metadata", field)
		if err != nil {
			return nil, err
		}
		var operations []operation
		if !is && v.Operator == policyv1alpha1.OverriderOpAdd {
			operations = append(operations, operation{opAdd, "/metadata/" + field, map[string]any{}})
		}
		for _, key := range slices.Sorted(maps.Keys(v.Value)) {
			if _, is := there[key]; is || v.Operator == policyv1alpha1.OverriderOpAdd {
				operations = append(operations, operation{string(v.Operator), "/metadata/" + field + "/" + jsonpointer.Escape(key), v.Value[key]})
			}
		}
		return operations, nil
	}
}

// text changes a document of JSON or YAML that is a string in the object.
func text(object *unstructured.Unstructured, v policyv1alpha1.FieldOverrider) ([]operation, error) {
	document, err := stringAt(object, v.FieldPath)
	if err != nil {
		return nil, err
	}
	var inside []operation
	for _, o := range v.JSON {
		inside = append(inside, operation{string(o.Operator), o.SubPath, o.Value})
	}
	for _, o := range v.YAML {
		inside = append(inside, operation{string(o.Operator), o.SubPath, o.Value})
	}
	data := []byte(document)
	if len(v.YAML) > 0 {
		if data, err = yaml.YAMLToJSON(data); err != nil {
			return nil, fmt.Errorf("%s is not YAML: %w", v.FieldPath, err)
		}
	} else if !json.Valid(data) {
		return nil, errors.New(v.FieldPath + " is not JSON")
	}
	if data, err = patched(data, inside); err == nil && len(v.YAML) > 0 {
		data, err = yaml.JSONToYAML(data)
	}
	return []operation{{opReplace, v.FieldPath, string(data)}}, err
}

// stringAt is the string at a path.
func stringAt(object *unstructured.Unstructured, path string) (string, error) {
	pointer, err := jsonpointer.New(path)
	if err != nil {
		return "", err
	}
	value, _, err := pointer.Get(object.Object)
	if err != nil {
		return "", err
	}
	s, is := value.(string)
	if !is {
		return "", errors.New(path + " is not a string")
	}
	return s, nil
}
