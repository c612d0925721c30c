package inventory

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ObjectNames derives a member name from each object of a hub. A path is what
// tells the object from others, the name last, such as namespace and name: the
// shortest end of it that no other path has becomes the member name. As with
// MemberNames, an object that is added never lets a name mean another object.
func ObjectNames(paths [][]string) []string {
	users := map[string]int{}
	for _, path := range paths {
		for i := range path {
			users[strings.Join(path[i:], "/")]++
		}
	}
	ends := make([]string, len(paths))
	for n, path := range paths {
		for i := range slices.Backward(path) {
			ends[n] = strings.Join(path[i:], "/")
			if users[ends[n]] == 1 {
				break
			}
		}
	}
	names := MemberNames(ends)
	for n, end := range ends {
		ends[n] = names[end]
	}
	return ends
}

// NamesOf derives a member name from each object: its own name or, where two
// namespaces have one of that name, both.
func NamesOf(objects []unstructured.Unstructured) []string {
	paths := make([][]string, len(objects))
	for i := range objects {
		if namespace := objects[i].GetNamespace(); namespace != "" {
			paths[i] = append(paths[i], namespace)
		}
		paths[i] = append(paths[i], objects[i].GetName())
	}
	return ObjectNames(paths)
}
