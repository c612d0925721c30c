package fakefleet

import (
	"encoding/json"
	"net/http"
	"strings"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// aggregatedType is the content type of aggregated discovery.
const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// writeDiscovery answers /api, /apis and, for clients of the old way, the list
// of each group and version.
func (s *Server) writeDiscovery(w http.ResponseWriter, r *http.Request, at location) {
	aggregated := strings.Contains(r.Header.Get("Accept"), "as=APIGroupDiscoveryList")
	var answer any
	switch {
	case (at.Path == "/api" || at.Path == "/apis") && aggregated:
		w.Header().Set("Content-Type", aggregatedType)
		_ = json.NewEncoder(w).Encode(s.store.aggregated(at.Path == "/api"))
		return
	case at.Path == "/api":
		answer = metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	case at.Path == "/apis":
		answer = s.store.groups()
	case at.Version != "":
		answer = s.store.resources(at)
	default:
		writeStatus(w, http.StatusNotFound, at, "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *store) aggregated(core bool) *apidiscovery.APIGroupDiscoveryList {
	list := &apidiscovery.APIGroupDiscoveryList{TypeMeta: metav1.TypeMeta{APIVersion: "apidiscovery.k8s.io/v2", Kind: "APIGroupDiscoveryList"}}
	for _, k := range s.kinds {
		if core != (k.Group == "") {
			continue
		}
		scope := apidiscovery.ScopeCluster
		if k.namespaced {
			scope = apidiscovery.ScopeNamespace
		}
		version := s.discovered(list, k)
		version.Resources = append(version.Resources, apidiscovery.APIResourceDiscovery{
			Resource: k.plural, SingularResource: k.singular(), ShortNames: k.short, Scope: scope, Verbs: verbs(),
			ResponseKind: &metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind},
		})
	}
	return list
}

// discovered finds the entry of a kind's group and version, or makes it.
func (*store) discovered(list *apidiscovery.APIGroupDiscoveryList, k kind) *apidiscovery.APIVersionDiscovery {
	for i := range list.Items {
		if list.Items[i].Name == k.Group {
			return &list.Items[i].Versions[0]
		}
	}
	list.Items = append(list.Items, apidiscovery.APIGroupDiscovery{
		ObjectMeta: metav1.ObjectMeta{Name: k.Group},
		Versions:   []apidiscovery.APIVersionDiscovery{{Version: k.Version, Freshness: apidiscovery.DiscoveryFreshnessCurrent}},
	})
	return &list.Items[len(list.Items)-1].Versions[0]
}

func (s *store) groups() *metav1.APIGroupList {
	list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}}
	seen := map[string]bool{"": true}
	for _, k := range s.kinds {
		if seen[k.Group] {
			continue
		}
		seen[k.Group] = true
		version := metav1.GroupVersionForDiscovery{GroupVersion: k.GroupVersion().String(), Version: k.Version}
		list.Groups = append(list.Groups, metav1.APIGroup{
			Name: k.Group, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version,
		})
	}
	return list
}

func (s *store) resources(at location) *metav1.APIResourceList {
	list := &metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}}
	for _, k := range s.kinds {
		if k.Group == at.Group && k.Version == at.Version {
			list.GroupVersion = k.GroupVersion().String()
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: k.plural, SingularName: k.singular(), ShortNames: k.short, Namespaced: k.namespaced, Kind: k.Kind, Verbs: verbs(),
			})
		}
	}
	return list
}

func verbs() []string { return []string{"create", "delete", "get", "list", "patch", "update", "watch"} }
