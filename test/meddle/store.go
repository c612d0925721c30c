package meddle

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"
)

// BeforeStore puts a meddler before an object store, and returns the address at which
// that is the store.
func BeforeStore(tb testing.TB, address string, meddler Meddler) string {
	tb.Helper()
	target, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	store := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		ErrorLog: log.New(io.Discard, "", 0), // whoever is killed does not wait for answers
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { meddler(w, r, store) }))
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// Slow is a store that takes so long for each request.
func Slow(each time.Duration) Meddler {
	return func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		select {
		case <-r.Context().Done():
		case <-time.After(each):
			store.ServeHTTP(w, r)
		}
	}
}

// Full is a store that takes nothing any more: each write is answered with this status,
// and with an error of S3's form.
func Full(status int, code, message string) Meddler {
	return func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method != http.MethodPut && r.Method != http.MethodPost {
			store.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
}
