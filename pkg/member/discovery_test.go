package member_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// legacy serves discovery as old servers do, for pods and one CRD.
func legacy(w http.ResponseWriter, r *http.Request) {
	answers := map[string]string{
		"/api":                 `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis":                `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"example.com","versions":[{"groupVersion":"example.com/v1","version":"v1"}],"preferredVersion":{"groupVersion":"example.com/v1","version":"v1"}}]}`,
		"/api/v1":              `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["list"],"shortNames":["po"]}]}`,
		"/apis/example.com/v1": `{"kind":"APIResourceList","groupVersion":"example.com/v1","resources":[{"name":"widgets","singularName":"widget","namespaced":false,"kind":"Widget","verbs":["list"]}]}`,
	}
	if answer, known := answers[r.URL.Path]; known {
		say(200, "%s", answer)(w, r)
		return
	}
	say(404, status, "NotFound", 404)(w, r)
}

func TestResource(t *testing.T) {
	for _, cache := range []string{"", t.TempDir(), unwritable(t)} {
		m := dial(t, serve(t, legacy).cluster(), member.Options{CacheDir: cache})
		for typed, want := range map[string]string{
			"pods": "v1/pods", "po": "v1/pods", "pod": "v1/pods", "Pod": "v1/pods",
			"widgets": "example.com/v1/widgets", "widgets.example.com": "example.com/v1/widgets", "widgets.v1.example.com": "example.com/v1/widgets",
		} {
			r, err := m.Resource(t.Context(), typed)
			if err != nil {
				t.Errorf("%s: %v", typed, err)
				continue
			}
			if got := r.GroupVersion().String() + "/" + r.GroupVersionResource.Resource; got != want || r.Namespaced != (r.Kind == "Pod") {
				t.Errorf("%s is %s (%+v), want %s", typed, got, r, want)
			}
		}
		if _, err := m.Resource(t.Context(), "gadgets"); member.ReasonOf(err) != member.ReasonNotInstalled {
			t.Errorf("gadgets: %v, want %s", err, member.ReasonNotInstalled)
		}
	}
}

// An aggregated API server that is down takes its types out of discovery. That
// is no proof that the cluster does not have them.
func TestAnUnavailableGroupIsNoAbsence(t *testing.T) {
	down := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/example.com/v1" {
			say(503, status, "ServiceUnavailable", 503)(w, r)
			return
		}
		legacy(w, r)
	}
	for _, cache := range []string{"", t.TempDir()} {
		m := dial(t, serve(t, down).cluster(), member.Options{CacheDir: cache})
		for _, typed := range []string{"widgets", "widgets.example.com"} {
			if _, err := m.Resource(t.Context(), typed); member.ReasonOf(err) != member.ReasonServerError || !strings.Contains(err.Error(), "example.com/v1") {
				t.Errorf("%s: %s: %v, want a ServerError that names the group", typed, member.ReasonOf(err), err)
			}
		}
		if _, err := m.Resource(t.Context(), "widgets.other.io"); member.ReasonOf(err) != member.ReasonNotInstalled {
			t.Errorf("a type of another group: %v", err)
		}
		if _, err := m.Resource(t.Context(), "pods"); err != nil {
			t.Errorf("pods: %v", err)
		}
	}
}

// unwritable is a cache folder that cannot be made: its parent is a file.
func unwritable(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(file, "cache")
}

func TestDiscoveryIsReadFromTheCache(t *testing.T) {
	cache := t.TempDir()
	s := serve(t, legacy)
	for i := range 2 {
		if _, err := dial(t, s.cluster(), member.Options{CacheDir: cache}).Resource(t.Context(), "widgets"); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			s.requests.Store(0)
		}
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests although kubectl's cache has it all", n)
	}
}

// A type of the core group is found by what is known of that group alone; what
// the core group does not have may still be elsewhere.
func TestCoreTypesNeedNoOtherGroup(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/example.com/v1" {
			say(200, `{"kind":"APIResourceList","groupVersion":"example.com/v1","resources":[{"name":"pods","kind":"Peapod","verbs":["list"]},{"name":"nodes","kind":"Knot","verbs":["list"]}]}`)(w, r)
			return
		}
		legacy(w, r)
	})
	cache := t.TempDir()
	for i, requests := range []bool{true, false} {
		s.requests.Store(0)
		r, err := dial(t, s.cluster(), member.Options{CacheDir: cache}).Resource(t.Context(), "pods")
		if err != nil || r.Kind != "Pod" || s.requests.Load() > 0 != requests {
			t.Errorf("time %d: %+v after %d requests: %v", i+1, r, s.requests.Load(), err)
		}
	}
	if found, err := filepath.Glob(filepath.Join(cache, "discovery", "*", "example.com")); len(found) > 0 || err != nil {
		t.Errorf("the other group was asked for, too: %q, %v", found, err)
	}
	if r, err := dial(t, s.cluster(), member.Options{CacheDir: cache}).Resource(t.Context(), "nodes"); err != nil || r.Kind != "Knot" {
		t.Errorf("%+v: %v", r, err)
	}
}

// A server that breaks off in discovery must be called that, at once: client-go
// would ask up to ten times and then say that the type does not exist.
func TestDiscoveryFailuresKeepTheirReason(t *testing.T) {
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	later := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "1")
		say(429, status, "TooManyRequests", 429)(w, r)
	}
	for _, tc := range []struct {
		what   string
		answer http.HandlerFunc
		want   member.Reason
	}{
		{"reset", reset, member.ReasonUnreachable},
		{"429", later, member.ReasonThrottled},
		{"401", say(401, status, "Unauthorized", 401), member.ReasonUnauthorized},
		{"403", say(403, status, "Forbidden", 403), member.ReasonForbidden},
		{"503", say(503, status, "ServiceUnavailable", 503), member.ReasonServerError},
		{"garbage", say(200, "<html>"), member.ReasonInvalidAnswer},
	} {
		s := serve(t, tc.answer)
		_, err := dial(t, s.cluster(), member.Options{CacheDir: t.TempDir()}).Resource(t.Context(), "pods")
		if got := member.ReasonOf(err); got != tc.want {
			t.Errorf("%s: %s (%v), want %s", tc.what, got, err, tc.want)
		}
		if n := s.requests.Load(); n > 2 { // /api and /apis
			t.Errorf("%s: %d requests", tc.what, n)
		}
	}
}
