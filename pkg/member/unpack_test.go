package member_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// packing answers what is asked for compressed as handler would, compressed;
// spoil changes what is sent.
func packing(handler http.HandlerFunc, spoil func([]byte) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			handler(w, r)
			return
		}
		plain := httptest.NewRecorder()
		handler(plain, r)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(plain.Body.Bytes())
		_ = z.Close()
		w.Header().Set("Content-Type", plain.Header().Get("Content-Type"))
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(plain.Code)
		_, _ = w.Write(spoil(packed.Bytes()))
	}
}

func whole(data []byte) []byte { return data }

func podTables(t *testing.T, handler http.HandlerFunc) (rows int, err error) {
	t.Helper()
	m := dial(t, serve(t, handler).cluster(), member.Options{})
	for table, err := range m.Tables(t.Context(), member.ListRequest{Resource: member.Pods(), Limit: 2}, metav1.IncludeMetadata) {
		if err != nil {
			return rows, err
		}
		rows += len(table.Rows)
	}
	return rows, nil
}

func TestPagesComeCompressed(t *testing.T) {
	var queries []string
	packed := 0
	rows, err := podTables(t, packing(pagesOfPods(5, 0, &queries), func(data []byte) []byte {
		packed++
		return data
	}))
	if rows != 5 || err != nil || packed != 3 {
		t.Errorf("%d rows of 3 pages, %d compressed: %v", rows, packed, err)
	}
}

func TestACompressedErrorIsRead(t *testing.T) {
	_, err := podTables(t, packing(say(403, status, "Forbidden", 403), whole))
	if member.ReasonOf(err) != member.ReasonForbidden || !strings.Contains(err.Error(), "the words of the server") {
		t.Errorf("%s: %v", member.ReasonOf(err), err)
	}
}

func TestSpoiltCompressionIsAnInvalidAnswer(t *testing.T) {
	var queries []string
	for what, spoil := range map[string]func([]byte) []byte{
		"cut off":     func(data []byte) []byte { return data[:len(data)/2] },
		"garbled":     func(data []byte) []byte { data[len(data)/2] ^= 0xff; return data },
		"header only": func([]byte) []byte { return []byte{0x1f, 0x8b} },
	} {
		var invalid *member.AnswerError
		_, err := podTables(t, packing(pagesOfPods(50, 0, &queries), spoil))
		if member.ReasonOf(err) != member.ReasonInvalidAnswer || !errors.As(err, &invalid) {
			t.Errorf("%s: %s: %v", what, member.ReasonOf(err), err)
		}
	}
}
