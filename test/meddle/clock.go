package meddle

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ClockOff puts a wrong clock between the plugin and a cluster: whatever the cluster says
// when something was, it is off by so much, and what the plugin writes down itself is what
// it reads again.
func ClockOff(tb testing.TB, config *rest.Config, off time.Duration) *clientcmdapi.Cluster {
	tb.Helper()
	return Before(tb, config, func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		if r.Header.Get("Upgrade") != "" { // an exec has no times of the cluster
			server.ServeHTTP(w, r)
			return
		}
		r.Header.Set("Accept", "application/json")
		r.Header.Del("Accept-Encoding")
		if body, err := io.ReadAll(r.Body); err == nil {
			r.Body = io.NopCloser(bytes.NewReader(shifted(body, -off)))
		}
		if r.URL.Query().Get("watch") != "" {
			server.ServeHTTP(&shifting{ResponseWriter: w, off: off}, r)
			return
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		if at, err := http.ParseTime(w.Header().Get("Date")); err == nil {
			w.Header().Set("Date", at.Add(off).UTC().Format(http.TimeFormat))
		}
		body := shifted(answer.Body.Bytes(), off)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body)
	})
}

// shifting shifts what a watch says, an event at a time.
type shifting struct {
	http.ResponseWriter
	off     time.Duration
	pending []byte
}

func (s *shifting) Write(p []byte) (int, error) {
	s.pending = append(s.pending, p...)
	end := bytes.LastIndexByte(s.pending, '\n') + 1
	_, err := s.ResponseWriter.Write(shifted(s.pending[:end], s.off))
	s.pending = s.pending[end:]
	return len(p), err
}

// Unwrap lets events be flushed.
func (s *shifting) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// shifted has each time in a JSON text moved. Its length stays.
func shifted(text []byte, by time.Duration) []byte {
	moment := regexp.MustCompile(`"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"`)
	return moment.ReplaceAllFunc(text, func(quoted []byte) []byte {
		layout := time.RFC3339
		if strings.Contains(string(quoted), ".") {
			layout = "2006-01-02T15:04:05.000000Z07:00"
		}
		at, err := time.Parse(time.RFC3339Nano, strings.Trim(string(quoted), `"`))
		if err != nil {
			return quoted
		}
		return []byte(strconv.Quote(at.Add(by).UTC().Format(layout)))
	})
}
