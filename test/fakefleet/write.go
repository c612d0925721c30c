package fakefleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/yaml"
)

// writing is a request that changes an object.
type writing struct {
	kind *kind
	at   location
	// dry: everything is checked, and nothing kept.
	dry  bool
	body []byte
	// live is the object as it is, nil if there is none.
	live *unstructured.Unstructured
}

// refused is a write that the server does not do.
type refused struct {
	code int
	text string
}

func (r *refused) Error() string { return r.text }

func conflict(format string, args ...any) error {
	return &refused{code: http.StatusConflict, text: fmt.Sprintf(format, args...)}
}

// writeChange does what a POST, PUT, PATCH or DELETE asks. Server-side apply and
// merge patches merge maps and replace lists: whose fields are whose is not known.
func (s *Server) writeChange(w http.ResponseWriter, r *http.Request, at location) {
	kind := s.store.kindAt(at)
	if kind == nil {
		writeStatus(w, http.StatusNotFound, location{Path: at.Path}, "")
		return
	}
	change, err := s.readWriting(r, at, kind)
	var after *unstructured.Unstructured
	if err == nil {
		after, err = s.store.write(r, change)
	}
	var no *refused
	switch {
	case errors.As(err, &no):
		writeStatus(w, no.code, at, no.text)
	case err != nil:
		writeStatus(w, http.StatusBadRequest, at, err.Error())
	case r.Method == http.MethodPost:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(after)
	default:
		writeJSON(w, after)
	}
}

func (s *Server) readWriting(r *http.Request, at location, k *kind) (writing, error) {
	change := writing{kind: k, at: at, dry: r.URL.Query().Get("dryRun") == metav1.DryRunAll}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return change, err
	}
	if change.body = text; !json.Valid(text) { // most is JSON, and as YAML would be read ten times as long
		if change.body, err = yaml.YAMLToJSON(text); err != nil {
			return change, err
		}
	}
	name := at.Name
	if r.Method == http.MethodPost {
		var object metav1.PartialObjectMetadata
		if err := json.Unmarshal(change.body, &object); err != nil {
			return change, err
		}
		name = object.Name
	}
	for _, o := range s.store.find(change.kind, at.Namespace) {
		if o.GetName() == name {
			change.live = o
		}
	}
	return change, nil
}

// write returns the object as it is after a change, or was before it was deleted.
func (s *store) write(r *http.Request, change writing) (*unstructured.Unstructured, error) {
	switch method := r.Method; {
	case method == http.MethodDelete:
		return s.remove(change)
	case method == http.MethodPost && change.live != nil:
		return nil, conflict("%s %q already exists", change.kind.plural, change.live.GetName())
	case method == http.MethodPut && change.live == nil,
		method == http.MethodPatch && change.live == nil && r.Header.Get("Content-Type") != string(types.ApplyYAMLPatchType):
		return nil, &refused{code: http.StatusNotFound}
	case method == http.MethodPatch && change.live != nil:
		before, err := json.Marshal(change.live)
		if err != nil {
			return nil, err
		}
		if change.body, err = jsonpatch.MergePatch(before, change.body); err != nil {
			return nil, err
		}
	}
	after := &unstructured.Unstructured{}
	if err := after.UnmarshalJSON(change.body); err != nil {
		return nil, err
	}
	return s.keep(change, after)
}

// keep checks an object and puts it into the store.
func (s *store) keep(change writing, after *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := change.live
	if live == nil {
		if ns := change.at.Namespace; ns != "" && !s.hasNamespace(ns) {
			return nil, &refused{code: http.StatusNotFound, text: fmt.Sprintf("namespaces %q not found", ns)}
		}
		if prefix := after.GetGenerateName(); after.GetName() == "" && prefix != "" {
			after.SetName(prefix + rand.String(5))
		}
		after.SetUID(uuid.NewUUID())
		after.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
		fillToken(after)
		s.answerAsVelero(after)
	} else {
		if uid := after.GetUID(); uid != "" && uid != live.GetUID() {
			return nil, conflict("Precondition failed: UID in precondition: %s, UID in object meta: %s", uid, live.GetUID())
		}
		if version := after.GetResourceVersion(); version != "" && version != live.GetResourceVersion() {
			return nil, conflict("the object has been modified; please apply your changes to the latest version and try again")
		}
		after.SetUID(live.GetUID())
		after.SetCreationTimestamp(live.GetCreationTimestamp())
		after.SetResourceVersion(live.GetResourceVersion())
	}
	after.SetNamespace(change.at.Namespace)
	unchanged := live != nil && sameJSON(live, after)
	if change.dry || unchanged {
		return after, nil
	}
	if err := s.put(after); err != nil {
		return nil, err
	}
	after.SetResourceVersion(s.version())
	return after, nil
}

func (s *store) remove(change writing) (*unstructured.Unstructured, error) {
	var options metav1.DeleteOptions
	if err := json.Unmarshal(change.body, &options); err != nil {
		return nil, err
	}
	live := change.live
	if live == nil {
		return nil, &refused{code: http.StatusNotFound}
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil && *p.UID != live.GetUID() {
			return nil, conflict("Precondition failed: UID in precondition: %s, UID in object meta: %s", *p.UID, live.GetUID())
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != live.GetResourceVersion() {
			return nil, conflict("Precondition failed: ResourceVersion in precondition: %s, ResourceVersion in object meta: %s", *p.ResourceVersion, live.GetResourceVersion())
		}
	}
	if change.dry || slices.Contains(options.DryRun, metav1.DryRunAll) {
		return live, nil
	}
	s.drop(live)
	return live, nil
}

func (s *store) hasNamespace(name string) bool {
	return slices.ContainsFunc(s.objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Namespace" && o.GetName() == name })
}

func sameJSON(a, b *unstructured.Unstructured) bool {
	before, errBefore := json.Marshal(a)
	after, errAfter := json.Marshal(b)
	return errBefore == nil && errAfter == nil && jsonpatch.Equal(before, after)
}

// fillToken is the token controller.
func fillToken(o *unstructured.Unstructured) {
	const accountKey = "kubernetes.io/service-account.name"
	if account := o.GetAnnotations()[accountKey]; o.GetKind() == "Secret" && account != "" {
		o.Object["data"] = map[string]any{"token": encoded("token-of-" + account), "ca.crt": encoded("a CA")}
	}
}

// verbOf is what a request wants, as RBAC calls it.
func verbOf(r *http.Request, at location) string {
	switch {
	case r.Method == http.MethodPost:
		return "create"
	case r.Method == http.MethodPut:
		return "update"
	case r.Method != http.MethodGet:
		return strings.ToLower(r.Method)
	case at.Name != "":
		return "get"
	case r.URL.Query().Get("watch") == "true":
		return "watch"
	}
	return "list"
}
