package fakefleet

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A written object can be read; preconditions and dry runs are kept.
func TestWrite(t *testing.T) {
	f := New()
	t.Cleanup(f.Close)
	if err := f.Up("c1"); err != nil {
		t.Fatal(err)
	}
	s, err := f.Server("c1")
	if err != nil {
		t.Fatal(err)
	}
	const (
		all, one = "/api/v1/namespaces/default/configmaps", "/api/v1/namespaces/default/configmaps/a"
		object   = `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}`
		apply    = "application/apply-patch+yaml"
		merge    = "application/merge-patch+json"
	)
	for _, tc := range []struct {
		method, path, contentType, body string
		code                            int
		says                            string
	}{
		{"PATCH", one, merge, `{"data": {"x": "0"}}`, 404, "not found"},
		{"PUT", one, "", object, 404, "not found"},
		{"DELETE", one, "", "", 404, "not found"},
		{"PATCH", "/api/v1/namespaces/none/configmaps/a", apply, object, 404, `namespaces \"none\" not found`},
		{"PATCH", "/apis/none/v1/things/a", apply, object, 404, "could not find the requested resource"},
		{"PATCH", one + "?dryRun=All", apply, object, 200, `"x":"1"`},
		{"GET", one, "", "", 404, ""},
		{"POST", all, "", object, 201, `"resourceVersion":"1001"`},
		{"POST", all, "", object, 409, `"reason":"AlreadyExists"`},
		{"PATCH", one, apply, object, 200, `"resourceVersion":"1001"`}, // it changes nothing
		{"PATCH", one, apply, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"y": "2"}}`, 200, `"data":{"x":"1","y":"2"}`},
		{"PATCH", one, merge, `{"metadata": {"uid": "another"}, "data": {"x": null}}`, 409, `"reason":"Conflict"`},
		{"PATCH", one, merge, `{"data": {"x": null}}`, 200, `"data":{"y":"2"}`},
		{"PUT", one, "", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1001"}}`, 409, "modified"},
		{"PUT", one, "", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1003"}}`, 200, `"resourceVersion":"1004"`},
		{"DELETE", one, "", `{"preconditions": {"uid": "another"}}`, 409, "Precondition failed"},
		{"DELETE", one, "", `{"preconditions": {"resourceVersion": "1003"}}`, 409, "Precondition failed"},
		{"DELETE", one, "", `{"dryRun": ["All"]}`, 200, ""},
		{"DELETE", one, "", `{"preconditions": {"resourceVersion": "1004"}}`, 200, ""},
		{"GET", one, "", "", 404, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, s.URL+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Token())
		req.Header.Set("Content-Type", tc.contentType)
		answer, err := s.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != tc.code || !strings.Contains(string(text), tc.says) {
			t.Errorf("%s %s %s: %d %s %v, want %d with %s", tc.method, tc.path, tc.body, answer.StatusCode, text, err, tc.code, tc.says)
		}
	}
}
