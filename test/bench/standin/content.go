package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// content answers for pods, from bodies that were made beforehand.
type content struct {
	pods   int
	bodies map[string]body
}

type body struct{ plain, zipped []byte }

// pageSize is the one limit that is answered: kubectl's.
const pageSize = 500

const path = "/api/v1/pods"

// newContent makes the bodies: each page as a Table with the rows' metadata and
// without, and as objects.
func newContent(pods int) *content {
	c := &content{pods: pods, bodies: map[string]body{}}
	for offset := 0; offset < pods; offset += pageSize {
		for _, form := range []string{formMetadata, formNone, formObjects} {
			plain := c.page(form, offset)
			var zipped bytes.Buffer
			w, _ := gzip.NewWriterLevel(&zipped, gzip.BestSpeed) // as API servers do; a level that exists is no error
			_, _ = w.Write(plain)
			_ = w.Close()
			c.bodies[key(form, offset)] = body{plain, zipped.Bytes()}
		}
	}
	return c
}

// The forms of a page.
const (
	formMetadata = "Metadata"
	formNone     = "None"
	formObjects  = "objects"
)

func key(form string, offset int) string { return form + "/" + strconv.Itoa(offset) }

func (c *content) page(form string, offset int) []byte {
	end := min(offset+pageSize, c.pods)
	metadata := `"metadata":{"resourceVersion":"1000"`
	if end < c.pods {
		metadata += fmt.Sprintf(`,"continue":"%d","remainingItemCount":%d`, end, c.pods-end)
	}
	metadata += "}"
	items := make([]string, 0, end-offset)
	for i := offset; i < end; i++ {
		items = append(items, item(form, i))
	}
	list := strings.Join(items, ",")
	if form == formObjects {
		return []byte(`{"kind":"PodList","apiVersion":"v1",` + metadata + `,"items":[` + list + "]}\n")
	}
	return []byte(`{"kind":"Table","apiVersion":"meta.k8s.io/v1",` + metadata + `,"columnDefinitions":` + columns + `,"rows":[` + list + "]}\n")
}

// pod is a pod as an API server tells it, managed fields and all.
//
//go:embed pod.json
var pod string

// item is one pod in the form of a list: an object, or a row.
func item(form string, i int) string {
	name := fmt.Sprintf("web-%06d", i)
	namespace := fmt.Sprintf("team-%03d", i/100)
	object := strings.NewReplacer("POD", name, "NAMESPACE", namespace, "UID", fmt.Sprintf("c4060cc6-83fd-4fdc-913e-%012d", i)).Replace(strings.TrimSpace(pod))
	if form == formObjects {
		return object
	}
	row := `{"cells":["` + name + `","1/1","Running","0","20d","10.128.0.20","node-1","\u003cnone\u003e","\u003cnone\u003e"],"object":`
	if form == formNone {
		return row + "null}"
	}
	metadata, _, _ := strings.Cut(object, `,"spec":`)
	return row + `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",` + strings.TrimPrefix(metadata, "{") + "}}"
}

// columns are those of pods.
const columns = `[{"name":"Name","type":"string","format":"name","description":"Name must be unique within a namespace.","priority":0},` +
	`{"name":"Ready","type":"string","format":"","description":"","priority":0},` +
	`{"name":"Status","type":"string","format":"","description":"","priority":0},` +
	`{"name":"Restarts","type":"string","format":"","description":"","priority":0},` +
	`{"name":"Age","type":"string","format":"","description":"","priority":0},` +
	`{"name":"IP","type":"string","format":"","description":"","priority":1},` +
	`{"name":"Node","type":"string","format":"","description":"","priority":1},` +
	`{"name":"Nominated Node","type":"string","format":"","description":"","priority":1},` +
	`{"name":"Readiness Gates","type":"string","format":"","description":"","priority":1}]`

// answer is for fakefleet.Server.Intercept: what is not about pods is left to
// the server.
func (c *content) answer(w http.ResponseWriter, r *http.Request) (done bool) {
	if r.URL.Path != path {
		return false
	}
	query := r.URL.Query()
	form := formObjects
	if strings.Contains(r.Header.Get("Accept"), "as=Table") {
		form = query.Get("includeObject")
		if form == "" {
			form = formMetadata
		}
	}
	offset, _ := strconv.Atoi(query.Get("continue"))
	page, found := c.bodies[key(form, offset)]
	if !found || query.Get("limit") != strconv.Itoa(pageSize) {
		http.Error(w, "this stand-in has pages of 500 alone", http.StatusBadRequest)
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	answer := page.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		answer = page.zipped
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer)
	return true
}
