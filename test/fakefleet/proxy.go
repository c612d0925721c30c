package fakefleet

import (
	"net/http"
	"strings"
)

// AddMember puts a server behind this one's aggregated proxy, as a Karmada
// control plane has its members: /apis/cluster.karmada.io/v1alpha1/clusters/NAME/proxy/.
func (s *Server) AddMember(name string, member *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members == nil {
		s.members = map[string]*Server{}
	}
	s.members[name] = member
}

// proxy hands a request on to a member, as somebody whom the member knows.
func (s *Server) proxy(w http.ResponseWriter, r *http.Request, at location) {
	s.mu.Lock()
	member := s.members[at.Name]
	s.mu.Unlock()
	if member == nil {
		writeStatus(w, http.StatusNotFound, location{Group: at.Group, Resource: at.Resource, Name: at.Name}, "")
		return
	}
	_, rest, _ := strings.Cut(r.URL.Path, "/clusters/"+at.Name+"/proxy")
	passed := r.Clone(r.Context())
	passed.URL.Path, passed.URL.RawPath, passed.RequestURI = rest, "", ""
	passed.Header.Set("Authorization", "Bearer "+member.Token())
	member.ServeHTTP(w, passed)
}
