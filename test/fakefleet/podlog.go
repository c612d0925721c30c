package fakefleet

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// logAnnotation holds a pod's log: lines of an RFC3339 time, a space, and text. That
// of one container, or of the one before it, has a suffix: log.app, log.app.previous.
const logAnnotation = "fakefleet.test/log"

// podLog is what a pod's log has now.
type podLog struct {
	text string
	// over: the pod has ended, and its log with it.
	over bool
	// code is what the server says instead of a log; 0 if there is one.
	code int
	why  string
}

func (s *Server) podLog(at location, query url.Values) podLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pod := range s.store.find(s.store.kindAt(at), at.Namespace) {
		if pod.GetName() == at.Name {
			return logOf(pod, query)
		}
	}
	return podLog{code: http.StatusNotFound}
}

func logOf(pod *unstructured.Unstructured, query url.Values) podLog {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	if phase == "Pending" {
		return podLog{code: http.StatusBadRequest, why: "container is waiting to start: ContainerCreating"}
	}
	container := query.Get("container")
	name := logAnnotation + "." + container
	if query.Get("previous") == "true" {
		name += ".previous"
	}
	text, has := pod.GetAnnotations()[name]
	if !has && query.Get("previous") == "true" {
		return podLog{code: http.StatusBadRequest, why: "previous terminated container " + strconv.Quote(container) + " not found"}
	}
	if !has {
		text = pod.GetAnnotations()[logAnnotation]
	}
	return podLog{text: text, over: phase != "Running"}
}

// cut narrows a log as the kubelet does: sinceTime has whole seconds.
func (l podLog) cut(query url.Values) string {
	lines := strings.SplitAfter(l.text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if since, err := time.Parse(time.RFC3339, query.Get("sinceTime")); err == nil {
		for len(lines) > 0 {
			stamp, _, _ := strings.Cut(lines[0], " ")
			if at, _ := time.Parse(time.RFC3339Nano, stamp); !at.Before(since) {
				break
			}
			lines = lines[1:]
		}
	}
	if tail, err := strconv.Atoi(query.Get("tailLines")); err == nil {
		lines = lines[max(0, len(lines)-tail):]
	}
	if query.Get("timestamps") == "true" {
		return strings.Join(lines, "")
	}
	var bare strings.Builder
	for _, line := range lines {
		_, text, _ := strings.Cut(line, " ")
		bare.WriteString(text)
	}
	return bare.String()
}

// writeLog answers for a pod's log. One that is followed grows as the pod is
// loaded anew, and ends when the pod does.
func (s *Server) writeLog(w http.ResponseWriter, r *http.Request, at location, follow bool) {
	query := r.URL.Query()
	log := s.podLog(at, query)
	if log.code != 0 {
		writeStatus(w, log.code, at, log.why)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	told := log.text
	_, _ = io.WriteString(w, log.cut(query))
	query.Del("tailLines")
	query.Del("sinceTime")
	for follow && !log.over && log.code == 0 {
		// No header before the first line: as the API server's proxy does.
		if flusher, can := w.(http.Flusher); can && told != "" {
			flusher.Flush()
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		case <-time.After(5 * time.Millisecond):
		}
		log = s.podLog(at, query)
		if more, grew := strings.CutPrefix(log.text, told); grew && more != "" {
			_, _ = io.WriteString(w, podLog{text: more}.cut(query))
			told = log.text
		}
	}
}
