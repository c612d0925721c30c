package fakefleet

import (
	"encoding/json"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writeStatus writes a metav1.Status as an API server words it. text replaces
// the message.
func writeStatus(w http.ResponseWriter, code int, at location, text string) {
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), //nolint:gosec // an HTTP code
		Details: &metav1.StatusDetails{Name: at.Name, Group: at.Group, Kind: at.Resource},
	}
	switch code {
	case http.StatusUnauthorized:
		status.Reason, status.Message = metav1.StatusReasonUnauthorized, "Unauthorized"
	case http.StatusForbidden:
		status.Reason, status.Message = metav1.StatusReasonForbidden, forbidden(at, "")
	case http.StatusNotFound:
		status.Reason, status.Message = metav1.StatusReasonNotFound, "the server could not find the requested resource"
		if at.Name != "" {
			status.Message = fmt.Sprintf("%s %q not found", at.qualified(), at.Name)
		}
	case http.StatusMethodNotAllowed:
		status.Reason, status.Message = metav1.StatusReasonMethodNotAllowed, "the server does not allow this method on the requested resource"
	case http.StatusConflict:
		status.Reason = metav1.StatusReasonConflict
		if at.Name == "" { // only who creates something names nothing
			status.Reason = metav1.StatusReasonAlreadyExists
		}
	case http.StatusBadRequest:
		status.Reason = metav1.StatusReasonBadRequest
	case http.StatusGone:
		status.Reason = metav1.StatusReasonExpired
		status.Message = "The provided continue parameter is too old to display a consistent list result. " +
			"You can start a new list without the continue parameter."
	case http.StatusTooManyRequests:
		status.Reason = metav1.StatusReasonTooManyRequests
		status.Message = "too many requests, please try again later"
	case http.StatusServiceUnavailable:
		status.Reason = metav1.StatusReasonServiceUnavailable
		status.Message = "the server is currently unable to handle the request"
	default:
		status.Reason, status.Message = metav1.StatusReasonInternalError, "Internal error occurred: etcdserver: leader changed"
	}
	if text != "" {
		status.Message = text
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status)
}

// forbidden is worded by apiserver's endpoints/handlers/responsewriters. Without
// a verb it is about reading.
func forbidden(at location, verb string) string {
	const user = `User "jane" cannot`
	if at.Resource == "" {
		return fmt.Sprintf(`forbidden: %s get path %q`, user, at.Path)
	}
	scope, subject := "at the cluster scope", at.qualified()
	if at.Name != "" {
		subject = fmt.Sprintf("%s %q", subject, at.Name)
	}
	switch {
	case verb != "":
	case at.Name != "":
		verb = "get"
	default:
		verb = "list"
	}
	if at.Namespace != "" {
		scope = fmt.Sprintf("in the namespace %q", at.Namespace)
	}
	return fmt.Sprintf("%s is forbidden: %s %s resource %q in API group %q %s", subject, user, verb, at.Resource, at.Group, scope)
}
