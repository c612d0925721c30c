package fakefleet

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
)

//go:embed content/base.yaml
var base []byte

// store holds the types and objects of a server.
type store struct {
	kinds   []kind
	objects []*unstructured.Unstructured // sorted as etcd has them: namespace, name
	changes []change                     // behind those that every server has

	artifacts string // where its Velero says that the object store is
}

// loadBase fills a new server. Its kube-system has a UID of its own.
func (s *store) loadBase(cluster string) error {
	s.kinds = builtins()
	if err := s.load(base); err != nil {
		return err
	}
	s.changes = nil
	for _, o := range s.objects {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(cluster+o.GetKind()+o.GetNamespace()+o.GetName())))
		o.SetUID(types.UID(fmt.Sprintf("%s-%s-4%s-8%s-%s", sum[:8], sum[8:12], sum[13:16], sum[17:20], sum[20:32])))
	}
	return nil
}

func (s *store) load(documents []byte) error { return each(documents, s.put) }

// unload removes the objects of these names.
func (s *store) unload(documents []byte) error {
	return each(documents, func(object *unstructured.Unstructured) error {
		if object.GetNamespace() == "" {
			object.SetNamespace("default")
		}
		if !s.drop(object) {
			return fmt.Errorf("%s %q: not there", object.GetKind(), object.GetName())
		}
		return nil
	})
}

// drop removes the object of this name, if it is there.
func (s *store) drop(object *unstructured.Unstructured) (was bool) {
	before := len(s.objects)
	s.objects = slices.DeleteFunc(s.objects, func(o *unstructured.Unstructured) bool { return same(o, object) })
	if len(s.objects) == before {
		return false
	}
	s.changes = append(s.changes, change{event: watch.Deleted, object: object})
	return true
}

// each hands over the objects of documents.
func each(documents []byte, do func(*unstructured.Unstructured) error) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(documents), 1<<12)
	for {
		var document runtime.RawExtension
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(document.Raw); err != nil {
			return err
		}
		if err := do(object); err != nil {
			return err
		}
	}
}

func (s *store) put(object *unstructured.Unstructured) error {
	i := slices.IndexFunc(s.kinds, func(k kind) bool { return k.GroupVersionKind == object.GroupVersionKind() })
	if i < 0 {
		return fmt.Errorf("%s %q: the server has no such type", object.GroupVersionKind(), object.GetName())
	}
	if s.kinds[i].namespaced && object.GetNamespace() == "" {
		object.SetNamespace("default")
	}
	if object.GetKind() == "CustomResourceDefinition" {
		s.kinds = append(s.kinds, kindOf(object))
	}
	before := len(s.objects)
	s.objects = slices.DeleteFunc(s.objects, func(o *unstructured.Unstructured) bool { return same(o, object) })
	event := watch.Added
	if len(s.objects) < before {
		event = watch.Modified
	}
	s.changes = append(s.changes, change{event: event, object: object})
	s.objects = append(s.objects, object)
	slices.SortStableFunc(s.objects, func(a, b *unstructured.Unstructured) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return nil
}

func same(a, b *unstructured.Unstructured) bool {
	return a.GroupVersionKind() == b.GroupVersionKind() && a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}

// kindAt is the type at a path; nil if the server has none there.
func (s *store) kindAt(at location) *kind {
	for i, k := range s.kinds {
		if k.Group == at.Group && k.Version == at.Version && k.plural == at.Resource && at.aggregatedGroup == (k.Group != "") {
			return &s.kinds[i]
		}
	}
	return nil
}

// find lists the objects of a type, in a namespace if one is named.
func (s *store) find(k *kind, namespace string) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(s.objects), func(o *unstructured.Unstructured) bool {
		return o.GroupVersionKind() != k.GroupVersionKind || (namespace != "" && o.GetNamespace() != namespace)
	})
}
