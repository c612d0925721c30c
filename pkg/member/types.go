package member

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"
)

// ListableTypes lists the resource types whose objects can be listed, each in
// the version that the server prefers. Groups that are not available now are
// left out.
func (m *Member) ListableTypes(ctx context.Context) ([]Resource, error) {
	m.discovering.Lock()
	defer m.discovering.Unlock()
	index, err := m.types(ctx)
	if err != nil {
		return nil, err
	}
	lists, err := discovery.ServerPreferredResources(index.client)
	if failed := index.trip.failure(); failed != nil {
		err = failed
	}
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, m.classify(err)
	}
	var types []Resource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "list") {
				types = append(types, Resource{GroupVersionResource: gv.WithResource(r.Name), Kind: r.Kind, Namespaced: r.Namespaced})
			}
		}
	}
	return types, nil
}

// Category lists the types of a category, such as all, in the order of the
// server's discovery; none if there is no such category.
func (m *Member) Category(ctx context.Context, name string) ([]schema.GroupResource, error) {
	m.discovering.Lock()
	defer m.discovering.Unlock()
	index, err := m.types(ctx)
	if err != nil {
		return nil, err
	}
	types, _ := restmapper.NewDiscoveryCategoryExpander(index.client).Expand(name)
	return types, m.classify(index.trip.failure())
}
