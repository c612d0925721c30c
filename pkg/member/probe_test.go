package member_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

func TestReadiness(t *testing.T) {
	text := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" || r.URL.Query().Get("verbose") != "true" {
				t.Errorf("asked %s", r.URL)
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tc := range []struct {
		what    string
		answer  http.HandlerFunc
		ready   bool
		failing []string
		reason  member.Reason
	}{
		{"ready", text(200, "[+]ping ok\nreadyz check passed\n"), true, nil, ""},
		{"not ready", text(500, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/x failed: y\nreadyz check failed\n"), false, []string{"etcd", "poststarthook/x"}, ""},
		{"broken otherwise", text(500, "panic"), false, nil, member.ReasonServerError},
		{"forbidden", text(403, "no"), false, nil, member.ReasonForbidden},
	} {
		got, err := dial(t, serve(t, tc.answer).cluster(), member.Options{}).Readiness(t.Context())
		if tc.reason != "" {
			if member.ReasonOf(err) != tc.reason || err == nil {
				t.Errorf("%s: %v, want %s", tc.what, err, tc.reason)
			}
			continue
		}
		if err != nil || got.Ready != tc.ready || !slices.Equal(got.Failing, tc.failing) {
			t.Errorf("%s: %+v, %v", tc.what, got, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	s := serve(t, say(200, `{"gitVersion":"v1.36.3"}`))
	m := dial(t, s.cluster(), member.Options{})
	if _, known := m.ServingCertificateExpires(); known {
		t.Error("known before the server was asked anything")
	}
	if _, err := m.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at, known := m.ServingCertificateExpires(); !known || !at.Equal(s.Certificate().NotAfter) {
		t.Errorf("%s, %t; the server's is %s", at, known, s.Certificate().NotAfter)
	}
	if _, known, err := m.ClientCertificateExpires(t.Context()); known || err != nil {
		t.Errorf("a client certificate out of nowhere: %v", err)
	}
}
