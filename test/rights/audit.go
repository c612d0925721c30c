package rights

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// event is what an API server notes of a request (audit.k8s.io/v1).
type event struct {
	AuditID          string `json:"auditID"`
	Stage            string `json:"stage"`
	Verb             string `json:"verb"`
	RequestURI       string `json:"requestURI"`
	UserAgent        string `json:"userAgent"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	// ObjectRef is nil for what is no resource, such as /version.
	ObjectRef *struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"responseStatus"`
}

// command is the one that the user agent names, such as "schedule list".
func (e *event) command() string {
	_, behind, _ := strings.Cut(e.UserAgent, "; ")
	command, _, _ := strings.Cut(behind, ")")
	return command
}

// changes is true for what changes a cluster: no question that is asked by making an
// object, such as Velero's version, and no dry run.
func (e *event) changes() bool {
	if e.ObjectRef == nil || e.ResponseStatus.Code >= 300 || strings.Contains(e.RequestURI, "dryRun=All") {
		return false
	}
	return !isQuestion(e.ObjectRef.Resource) && !isReading(e.Verb)
}

// isQuestion is true for what is made to ask something.
func isQuestion(resource string) bool {
	return slices.Contains([]string{"selfsubjectaccessreviews", "serverstatusrequests", "downloadrequests"}, resource)
}

func isReading(verb string) bool { return slices.Contains([]string{"get", "list", "watch"}, verb) }

// tail is an audit log from a moment on.
type tail struct {
	file string
	from int64
}

// tailOf is the log from now on.
func tailOf(tb testing.TB, file string) tail {
	tb.Helper()
	info, err := os.Stat(file)
	if os.IsNotExist(err) { // nobody has been noted yet
		return tail{file: file}
	}
	if err != nil {
		tb.Fatal(err)
	}
	return tail{file: file, from: info.Size()}
}

// of are the requests that somebody has made. That a request came is noted before it
// is answered; how it ended and for whom it was, a moment after.
func (l tail) of(tb testing.TB, mine func(event) bool) []event {
	tb.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		open, found := l.read(tb, mine)
		if open == 0 {
			return found
		}
		if time.Now().After(end) {
			tb.Fatalf("%s does not say how %d requests ended", l.file, open)
		}
	}
}

// read counts the requests that have no end yet, and returns those of somebody.
func (l tail) read(tb testing.TB, mine func(event) bool) (open int, found []event) {
	tb.Helper()
	file, err := os.Open(l.file)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(l.from, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	ended := map[string]bool{}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the end, or the middle of a line that is being written
			break
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			tb.Fatalf("%s: %v: %s", l.file, err, line)
		}
		if e.Stage == "RequestReceived" {
			if _, known := ended[e.AuditID]; !known {
				ended[e.AuditID] = false
			}
			continue
		}
		if !ended[e.AuditID] && mine(e) {
			found = append(found, e)
		}
		ended[e.AuditID] = true
	}
	for _, over := range ended {
		if !over {
			open++
		}
	}
	return open, found
}
