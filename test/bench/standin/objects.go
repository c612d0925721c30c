package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// objects keeps what is applied to the namespace "propagated", and that namespace, as the
// bytes that came with what a server adds. It never looks into them: who owns
// which field is not known, selectors are not heeded, and what is applied twice
// the same is the same.
type objects struct {
	mu      sync.Mutex
	kept    map[string]keptObject // by path
	version int
}

type keptObject struct {
	applied, whole, metadata []byte
	uid                      int
}

func newObjects() *objects { return &objects{kept: map[string]keptObject{}} }

// forget makes all be as if nothing had been applied.
func (o *objects) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.kept)
}

// The collections that are kept.
const (
	namespaces  = "/api/v1/namespaces"
	namespaceOf = namespaces + "/propagated"
	deployments = "/apis/apps/v1/namespaces/propagated/deployments"
)

// answer is for fakefleet.Server.Intercept.
func (o *objects) answer(w http.ResponseWriter, r *http.Request) (done bool) {
	path := r.URL.Path
	collection := path[:strings.LastIndexByte(path, '/')]
	lists := slices.Contains([]string{namespaces, namespaceOf + "/configmaps", namespaceOf + "/services", deployments}, path)
	mine := path == namespaceOf || collection == namespaceOf+"/configmaps" || collection == namespaceOf+"/services" || collection == deployments
	switch {
	case lists && r.Method == http.MethodGet:
		o.list(w, path)
	case mine && r.Method == http.MethodGet:
		o.get(w, path)
	case mine && r.Method == http.MethodPatch:
		o.apply(w, r)
	default:
		return false
	}
	return true
}

func (o *objects) list(w http.ResponseWriter, collection string) {
	var list bytes.Buffer
	list.WriteString(`{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1000"},"items":[`)
	o.mu.Lock()
	first := true
	for path, kept := range o.kept {
		if name, in := strings.CutPrefix(path, collection+"/"); !in || strings.Contains(name, "/") {
			continue
		}
		if !first {
			list.WriteByte(',')
		}
		first = false
		list.Write(kept.whole)
	}
	o.mu.Unlock()
	list.WriteString("]}\n")
	send(w, http.StatusOK, list.Bytes())
}

func (o *objects) get(w http.ResponseWriter, path string) {
	o.mu.Lock()
	kept, found := o.kept[path]
	o.mu.Unlock()
	if !found {
		notFound(w, "", path[strings.LastIndexByte(path, '/')+1:])
		return
	}
	send(w, http.StatusOK, kept.whole)
}

func (o *objects) apply(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path := r.URL.Path
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, there := o.kept[namespaceOf]; !there && path != namespaceOf {
		notFound(w, "namespaces", "propagated")
		return
	}
	kept, there := o.kept[path]
	answer := func() []byte {
		if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
			return kept.metadata
		}
		return kept.whole
	}
	switch {
	case there && bytes.Equal(kept.applied, body):
		send(w, http.StatusOK, answer())
		return
	case !there:
		kept.uid = len(o.kept) + 1
	}
	o.version++
	added := metadata(kept.uid, o.version)
	kept.applied, kept.whole = body, whole(body, path, added)
	kept.metadata = fmt.Appendf(nil, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":%q,%s}}`, path[strings.LastIndexByte(path, '/')+1:], added)
	if r.URL.Query().Get("dryRun") == "" {
		o.kept[path] = kept
	}
	code := http.StatusOK
	if !there {
		code = http.StatusCreated
	}
	send(w, code, answer())
}

// metadata is what a server adds to it. The fields that are managed are as many as
// those of a Deployment, whatever it is.
func metadata(uid, version int) string {
	return fmt.Sprintf(`"uid":"7d3f1a52-0c1e-4b7a-9d55-%012d","resourceVersion":"%d","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z",`+managed, uid, version)
}

// whole adds what a server does.
func whole(applied []byte, path, added string) []byte {
	made := bytes.Replace(bytes.TrimSpace(applied), []byte(`"metadata":{`), []byte(`"metadata":{`+added+","), 1)
	if strings.HasPrefix(path, deployments) {
		made = append(bytes.TrimSuffix(made, []byte("}")), `,"status":{"observedGeneration":1,"conditions":[{"type":"Available","status":"True"},`+
			`{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}]}}`...)
	}
	return made
}

const managed = `"managedFields":[{"manager":"kubectl-fleet","operation":"Apply","apiVersion":"apps/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1",` +
	`"fieldsV1":{"f:metadata":{"f:labels":{"f:applyset.kubernetes.io/part-of":{}}},"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},` +
	`"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}}}}]`

func notFound(w http.ResponseWriter, kind, name string) {
	const text = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"%[1]s is not there","reason":"NotFound","details":{"name":%[1]q,"kind":%[2]q},"code":404}`
	send(w, http.StatusNotFound, fmt.Appendf(nil, text, name, kind))
}

func send(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body)
}
