package member

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// Whatever a server, or a proxy before it, says with an error: it is an error, and
// the body can still be read, all of it.
func FuzzStatusError(f *testing.F) {
	f.Add(403, []byte(`{"kind":"Status","message":"pods is forbidden","reason":"Forbidden","code":403}`))
	f.Add(500, []byte(`{"kind":"Status","message":"x","details":null,"code":-1}`))
	f.Add(200, []byte(`<html>`))
	f.Add(0, bytes.Repeat([]byte("x"), maxStatus+1))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		resp := &http.Response{StatusCode: code, Body: io.NopCloser(bytes.NewReader(body)), Request: &http.Request{Method: http.MethodGet}}
		err := statusError(resp)
		if err == nil || err.Error() == "" && ReasonOf(err) == "" {
			t.Errorf("%d %q is the error %v", code, body, err)
		}
		if again, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(again, body) {
			t.Errorf("%d bytes are left of %d: %v", len(again), len(body), err)
		}
	})
}

// Whatever an event of a watch holds is a table, or an error; and so is a row of it.
func FuzzWatchedTable(f *testing.F) {
	f.Add([]byte(`{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[{"cells":["a"],"object":{"metadata":{"name":"a"}}}]}`))
	f.Add([]byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}`))
	f.Add([]byte(`{"kind":"Table","rows":[{"object":null},{"object":7}]}`))
	f.Add([]byte(`{"kind":"PodList","items":[null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := watchError("/x", raw); err == nil {
			t.Errorf("%q is no error", raw)
		}
		table, err := WatchedTable(WatchEvent{Type: watch.Added, Raw: raw})
		if err != nil {
			return
		}
		for _, row := range table.Rows {
			_, _ = RowObject(row)
		}
	})
}

// A list is what the library makes of it, in one pass; or both refuse it.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}},{"kind":"Pod","apiVersion":"v1"}]}`))
	f.Add([]byte(`{"kind":"List","apiVersion":"v1","items":null}`))
	f.Add([]byte(`{"kind":"List","apiVersion":"v1","items":[null]}`))
	f.Add([]byte(`{"kind":"List","apiVersion":"v1","items":[{"kind":"Secret","data":{"n":1.5,"i":9007199254740993}}],"items":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		items, next, err := decodeList(data)
		theirs := unstructured.UnstructuredList{}
		if theirErr := theirs.UnmarshalJSON(data); theirErr != nil || err != nil {
			return // ours refuses an item that is no object, theirs one that has no kind
		}
		if next != theirs.GetContinue() || len(items) != len(theirs.Items) {
			t.Fatalf("%d items and %q, want %d and %q", len(items), next, len(theirs.Items), theirs.GetContinue())
		}
		for i := range items {
			if !reflect.DeepEqual(items[i].Object, theirs.Items[i].Object) {
				t.Errorf("%v, want %v", items[i].Object, theirs.Items[i].Object)
			}
		}
	})
}
