package fakefleet

import (
	"net/http"
	"slices"
	"strings"
)

// Request is one request that a server got.
type Request struct {
	Method string
	// Target is the path with the query.
	Target string
	Header http.Header
}

// String is one line for a test to look at.
func (r Request) String() string {
	line := r.Method + " " + r.Target + " agent=" + r.Header.Get("User-Agent")
	if user := r.Header.Get("Impersonate-User"); user != "" {
		line += " as=" + user
	}
	return line
}

func (s *Server) record(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Method: r.Method, Target: r.URL.RequestURI(), Header: r.Header.Clone()})
}

// Requests lists the requests so far whose target contains a text.
func (s *Server) Requests(containing string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r Request) bool {
		return !strings.Contains(r.Target, containing)
	})
}

// ForgetRequests empties the log.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// location is what a path of the API points at.
type location struct {
	Path            string
	Group, Version  string
	Namespace       string
	Resource, Name  string
	Subresource     string
	aggregatedGroup bool // under /apis, not /api
}

// qualified is the resource with its group.
func (at location) qualified() string {
	if at.Group == "" {
		return at.Resource
	}
	return at.Resource + "." + at.Group
}

// parsePath reads /api/v1/…, /apis/GROUP/VERSION/… and leaves all else alone.
func parsePath(path string) location {
	at := location{Path: strings.TrimRight(path, "/")}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 1:
		at.Version, parts = parts[1], parts[2:]
	case parts[0] == "apis" && len(parts) > 2:
		at.aggregatedGroup = true
		at.Group, at.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return at
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		at.Namespace, parts = parts[1], parts[2:]
	}
	if len(parts) > 0 {
		at.Resource = parts[0]
	}
	if len(parts) > 1 {
		at.Name = parts[1]
	}
	if len(parts) > 2 {
		at.Subresource = parts[2]
	}
	return at
}
