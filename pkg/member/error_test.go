package member_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the words of the server","reason":%q,"code":%d}`

// Every failure has its reason, keeps the server's words, and is one attempt:
// client-go must not retry behind our back.
func TestReasonsOfAnswers(t *testing.T) {
	html := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(code)
			_, _ = w.Write([]byte("<html>welcome to the hotel</html>"))
		}
	}
	later := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1")
			say(code, status, "TooManyRequests", code)(w, r)
		}
	}
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	half := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"gitVersion":"v1.3`))
	}
	for _, tc := range []struct {
		what   string
		answer http.HandlerFunc
		want   member.Reason
		words  string
	}{
		{"401", say(401, status, "Unauthorized", 401), member.ReasonUnauthorized, "the words of the server"},
		{"403", say(403, status, "Forbidden", 403), member.ReasonForbidden, "the words of the server"},
		{"404", say(404, status, "NotFound", 404), member.ReasonNotFound, "the words of the server"},
		{"410", say(410, status, "Expired", 410), member.ReasonExpired, "the words of the server"},
		{"422", say(422, status, "Invalid", 422), member.ReasonInvalid, "the words of the server"},
		{"429 with Retry-After", later(429), member.ReasonThrottled, "the words of the server"},
		{"500", say(500, status, "InternalError", 500), member.ReasonServerError, "the words of the server"},
		{"503 with Retry-After", later(503), member.ReasonServerError, "the words of the server"},
		{"a proxy's 502 page", html(502), member.ReasonServerError, ""},
		{"a portal's page", html(200), member.ReasonInvalidAnswer, "/version"},
		{"half a JSON", half, member.ReasonUnreachable, "unexpected EOF"},
		{"no JSON", say(200, "%s", `{"gitVersion": 7}`), member.ReasonInvalidAnswer, "/version"},
		{"a broken connection", reset, member.ReasonUnreachable, "EOF"},
	} {
		s := serve(t, tc.answer)
		_, err := dial(t, s.cluster(), member.Options{}).Version(t.Context())
		if got := member.ReasonOf(err); err == nil || got != tc.want {
			t.Errorf("%s: %s (%v), want %s", tc.what, got, err, tc.want)
			continue
		}
		if !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %q, want it to say %q", tc.what, err, tc.words)
		}
		if strings.Contains(err.Error(), `Get "`) {
			t.Errorf("%s: %q names the URL, which says nothing new", tc.what, err)
		}
		if n := s.requests.Load(); n != 1 {
			t.Errorf("%s: %d requests, want one attempt", tc.what, n)
		}
	}
}

func TestReasonsWithoutAnAnswer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	wait := func(r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}

	refusing := serve(t, say(200, "{}"))
	refusing.Close()
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) { wait(r) })
	stuck := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"gitVersion":`))
		w.(http.Flusher).Flush()
		wait(r)
	})
	// Accepts and says nothing, not even in TLS: a stopped API server.
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	stopped := serve(t, say(200, "{}")).cluster()
	stopped.Access.(access).config.Host = "https://" + listener.Addr().String()
	strange := serve(t, say(200, "{}")).cluster()
	strange.Access.(access).config.CAData = nil
	misnamed := serve(t, say(200, "{}")).cluster()
	misnamed.Access.(access).config.ServerName = "elsewhere.example"
	plain := serve(t, say(200, "{}")).cluster()
	plain.Access.(access).config.Host = strings.Replace(plain.Access.(access).config.Host, "https://", "http://", 1)

	for _, tc := range []struct {
		what    string
		cluster inventory.Cluster
		want    member.Reason
		words   string
	}{
		{"refuses", refusing.cluster(), member.ReasonUnreachable, "connection refused"},
		{"never answers", silent.cluster(), member.ReasonTimeout, "no answer"},
		{"stops in the middle", stuck.cluster(), member.ReasonTimeout, "in the middle"},
		{"never shakes hands", stopped, member.ReasonTimeout, "no TLS handshake"},
		{"an unknown authority", strange, member.ReasonUntrusted, "certificate"},
		{"another name in the certificate", misnamed, member.ReasonUntrusted, "certificate"},
	} {
		_, err := dial(t, tc.cluster, member.Options{Timeout: short}).Version(t.Context())
		if got := member.ReasonOf(err); err == nil || got != tc.want || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %s (%v), want %s that says %q", tc.what, got, err, tc.want, tc.words)
		}
	}
	if _, err := dial(t, plain, member.Options{Timeout: short}).Version(t.Context()); err == nil {
		t.Error("HTTP spoken to HTTPS succeeds")
	}
}

func TestACancelledRequestIsNoFailureOfTheServer(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	})
	_, err := dial(t, s.cluster(), member.Options{}).Version(ctx)
	if got := member.ReasonOf(err); got != member.ReasonCanceled {
		t.Errorf("%s (%v), want %s", got, err, member.ReasonCanceled)
	}
}

func TestIncompleteKeepsTheCause(t *testing.T) {
	err := member.Incomplete(7, &member.Error{Reason: member.ReasonTimeout, Err: errors.New("slow")})
	if member.ReasonOf(err) != member.ReasonIncomplete || !strings.Contains(err.Error(), "7 rows: Timeout: slow") {
		t.Errorf("%s: %v", member.ReasonOf(err), err)
	}
}
