package fakefleet

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// firstVersion is the resourceVersion of a store that nothing was put into.
const firstVersion = 1000

// change is one object put into the store. Its resourceVersion is its place
// among the changes, behind firstVersion.
type change struct {
	event  watch.EventType
	object *unstructured.Unstructured
}

// version is the resourceVersion of what the store has now.
func (s *store) version() string { return strconv.Itoa(firstVersion + len(s.changes)) }

// writeWatch sends each change of a collection as it is loaded, as the row of a
// table or as it is, until the client or the test gives up.
func (s *Server) writeWatch(w http.ResponseWriter, r *http.Request, at location) {
	s.mu.Lock()
	k := s.store.kindAt(at)
	s.mu.Unlock()
	if k == nil {
		writeStatus(w, http.StatusNotFound, location{Path: at.Path}, "")
		return
	}
	flusher, can := w.(http.Flusher)
	told, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil || !can {
		writeStatus(w, http.StatusBadRequest, at, "no resourceVersion")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	for flusher.Flush(); ; flusher.Flush() {
		events, version := s.changesSince(told-firstVersion, k, r, at)
		told = version
		for _, event := range events {
			_ = json.NewEncoder(w).Encode(event)
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// changesSince are the events of one collection behind the first n changes, and
// the version that they lead to.
func (s *Server) changesSince(n int, k *kind, r *http.Request, at location) ([]metav1.WatchEvent, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []metav1.WatchEvent
	for i, c := range s.store.changes[n:] {
		object := c.object.DeepCopy()
		object.SetResourceVersion(strconv.Itoa(firstVersion + n + i + 1))
		kept, err := selected([]*unstructured.Unstructured{object}, r.URL.Query())
		if err != nil || len(kept) == 0 || object.GroupVersionKind() != k.GroupVersionKind || (at.Namespace != "" && object.GetNamespace() != at.Namespace) {
			continue
		}
		event := metav1.WatchEvent{Type: string(c.event), Object: runtime.RawExtension{Object: object}}
		if strings.Contains(r.Header.Get("Accept"), "as=Table") {
			event.Object.Object = tableOf(k, page{items: kept}, metav1.IncludeObjectPolicy(r.URL.Query().Get("includeObject")))
		}
		events = append(events, event)
	}
	return events, firstVersion + len(s.store.changes)
}
