package member_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// frames serves a watch that sends these frames and then ends.
func frames(text ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "true" || r.URL.Query().Get("resourceVersion") != "7" {
			say(400, status, "BadRequest", 400)(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		for _, frame := range text {
			_, _ = io.WriteString(w, frame)
			w.(http.Flusher).Flush()
		}
	}
}

const (
	added   = `{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a","resourceVersion":"8"}}}` + "\n"
	expired = `{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}` + "\n"
)

func TestWatch(t *testing.T) {
	for _, tc := range []struct {
		what   string
		answer http.HandlerFunc
		events int
		reason member.Reason
	}{
		{"the server ends it", frames(added, added), 2, ""},
		{"the version is too old", frames(added, expired), 1, member.ReasonExpired},
		{"cut in the middle of an event", frames(added, added[:30]), 1, member.ReasonUnreachable},
		{"garbage", frames(added, "<html>"), 1, member.ReasonInvalidAnswer},
		{"no rights", say(403, status, "Forbidden", 403), 0, member.ReasonForbidden},
	} {
		request := member.WatchRequest{ListRequest: member.ListRequest{Resource: member.Pods()}, ResourceVersion: "7"}
		events, failed := 0, error(nil)
		for _, err := range dial(t, serve(t, tc.answer).cluster(), member.Options{}).Watch(t.Context(), request) {
			if err != nil {
				failed = err
				continue
			}
			events++
		}
		if events != tc.events || (failed == nil) != (tc.reason == "") || (failed != nil && member.ReasonOf(failed) != tc.reason) {
			t.Errorf("%s: %d events and %v, want %d and %q", tc.what, events, failed, tc.events, tc.reason)
		}
	}
}

// A watch in which nothing happens for longer than the cluster timeout is a
// watch in which nothing happens.
func TestAQuietWatchIsNotCutOff(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		time.Sleep(3 * short)
		_, _ = io.WriteString(w, added)
	})
	n := 0
	for event, err := range dial(t, s.cluster(), member.Options{Timeout: short}).Watch(t.Context(), member.WatchRequest{ListRequest: member.ListRequest{Resource: member.Pods()}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if !strings.Contains(string(event.Raw), `"name":"a"`) {
			t.Errorf("%s", event.Raw)
		}
	}
	if n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}
