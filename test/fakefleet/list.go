package fakefleet

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// writeObjects answers for a collection or one object of it.
func (s *Server) writeObjects(w http.ResponseWriter, r *http.Request, at location) {
	k := s.store.kindAt(at)
	if k == nil {
		writeStatus(w, http.StatusNotFound, location{Path: at.Path}, "")
		return
	}
	found := s.store.find(k, at.Namespace)
	if at.Name != "" {
		for _, o := range found {
			if o.GetName() == at.Name {
				write(w, r, k, page{items: []*unstructured.Unstructured{o}, single: true})
				return
			}
		}
		writeStatus(w, http.StatusNotFound, at, "")
		return
	}
	query := r.URL.Query()
	found, err := selected(found, query)
	if err != nil {
		writeStatus(w, http.StatusBadRequest, at, err.Error())
		return
	}
	p := pageOf(found, query)
	p.version = s.store.version()
	write(w, r, k, p)
}

// page is one answer of a list.
type page struct {
	items     []*unstructured.Unstructured
	next      string
	remaining *int64
	single    bool
	version   string // of the collection
}

// pageOf cuts a list by limit and continue. The token is the offset. How many
// remain is told where no selector is at work, as etcd-backed servers do.
func pageOf(items []*unstructured.Unstructured, query url.Values) page {
	offset, _ := strconv.Atoi(query.Get("continue"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	items = items[min(offset, len(items)):]
	if limit == 0 || len(items) <= limit {
		return page{items: items}
	}
	p := page{items: items[:limit], next: strconv.Itoa(offset + limit)}
	if query.Get("labelSelector") == "" && query.Get("fieldSelector") == "" {
		p.remaining = new(int64(len(items) - limit))
	}
	return p
}

// selected narrows a list by labelSelector and fieldSelector. Any field may be
// selected by; a real server knows a few for each type.
func selected(items []*unstructured.Unstructured, query url.Values) ([]*unstructured.Unstructured, error) {
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, err
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, err
	}
	var kept []*unstructured.Unstructured
	for _, o := range items {
		values := fields.Set{}
		for _, requirement := range byField.Requirements() {
			values[requirement.Field], _, _ = unstructured.NestedString(o.Object, strings.Split(requirement.Field, ".")...)
		}
		if byLabel.Matches(labels.Set(o.GetLabels())) && byField.Matches(values) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}

// write encodes a page in the first form of the Accept header that there is.
func write(w http.ResponseWriter, r *http.Request, k *kind, p page) {
	for accept := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		switch accept = strings.TrimSpace(accept); {
		case strings.Contains(accept, "as=Table"):
			writeJSON(w, tableOf(k, p, metav1.IncludeObjectPolicy(r.URL.Query().Get("includeObject"))))
			return
		case strings.Contains(accept, "as=PartialObjectMetadata;") && p.single:
			writeJSON(w, metadataOf(p.items[0]))
			return
		case strings.HasPrefix(accept, "application/json;as=PartialObjectMetadataList;") && !p.single:
			writeJSON(w, metadataList(k, p))
			return
		case accept == runtime.ContentTypeProtobuf:
			writeProtobuf(w, k, p)
			return
		case accept == "application/json", accept == "*/*", accept == "":
			writeJSON(w, whole(k, p))
			return
		}
	}
	writeStatus(w, http.StatusNotAcceptable, location{}, "only the following media types are accepted: application/json, "+runtime.ContentTypeProtobuf)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// metadataList is the page as the metadata of its objects alone.
func metadataList(k *kind, p page) runtime.Unstructured {
	reduced := page{next: p.next, remaining: p.remaining, version: p.version}
	for _, o := range p.items {
		reduced.items = append(reduced.items, metadataOf(o))
	}
	list := whole(k, reduced).(*unstructured.UnstructuredList) //nolint:forcetypeassert // a list of several
	list.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList"))
	return list
}

// whole is the page as objects: the list, or the one object.
func whole(k *kind, p page) runtime.Unstructured {
	if p.single {
		return p.items[0]
	}
	list := &unstructured.UnstructuredList{Object: map[string]any{}}
	list.SetGroupVersionKind(k.GroupVersion().WithKind(k.Kind + "List"))
	list.SetResourceVersion(p.version)
	list.SetContinue(p.next)
	list.SetRemainingItemCount(p.remaining)
	for _, o := range p.items {
		list.Items = append(list.Items, *o)
	}
	return list
}
