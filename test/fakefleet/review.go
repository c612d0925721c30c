package fakefleet

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
)

const reviews = "selfsubjectaccessreviews"

// writeReview answers whether somebody may do something: all but what a
// FaultDeny is about.
func (s *Server) writeReview(w http.ResponseWriter, r *http.Request, at location) {
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Spec.ResourceAttributes == nil {
		writeStatus(w, http.StatusBadRequest, at, "no resourceAttributes")
		return
	}
	asked := review.Spec.ResourceAttributes
	review.Status.Allowed = !slices.ContainsFunc(s.faults, func(f *Fault) bool {
		return f.Kind == FaultDeny && f.On == asked.Resource && f.denies(asked.Verb)
	})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(review)
}

// denies tells whether a verb is among those that may not be done.
func (f *Fault) denies(verb string) bool {
	return slices.Contains(strings.Split(f.Text, ","), verb)
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
