package member

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Error is a failure of one cluster, with its Reason.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// reasoner is an error from a layer above that knows its own Reason.
type reasoner interface{ Reason() Reason }

// ReasonOf classifies any error that work on a member ends with.
func ReasonOf(err error) Reason {
	var above reasoner
	if errors.As(err, &above) {
		return above.Reason()
	}
	if known, is := errors.AsType[*Error](err); is {
		return known.Reason
	}
	return reasonOf(err)
}

// Incomplete says that a list was cut off after rows of it had come. What the
// server does not have, or does not let the user have, was not begun: that keeps
// its own reason, beside the rows of other types.
func Incomplete(rows int, err error) error {
	if reason := ReasonOf(err); reason == ReasonForbidden || reason == ReasonNotInstalled {
		return err
	}
	if rows == 1 {
		return &Error{Reason: ReasonIncomplete, Err: fmt.Errorf("cut off after 1 row: %s: %w", ReasonOf(err), err)}
	}
	return &Error{Reason: ReasonIncomplete, Err: fmt.Errorf("cut off after %d rows: %s: %w", rows, ReasonOf(err), err)}
}

// classify gives an error its Reason, and drops the wrapping that says nothing
// to a person who knows which cluster it was.
func (*Member) classify(err error) error {
	if err == nil {
		return nil
	}
	if known, is := errors.AsType[*Error](err); is {
		return known
	}
	reason := reasonOf(err)
	if request, is := errors.AsType[*url.Error](err); is {
		err = request.Err
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		err = inWords(status.Status())
	}
	return &Error{Reason: reason, Err: err}
}

// inWords is an API server's error as one says it: its own message, or for an
// answer without one what its code means.
func inWords(status metav1.Status) error {
	message := status.Message
	if message == "" || message == "unknown" {
		message = fmt.Sprintf("%d %s", status.Code, http.StatusText(int(status.Code)))
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: status.Code, Reason: status.Reason, Message: message, Details: status.Details}}
}

// IsObjectNotFound tells an object that does not exist from a path that does
// not: only for an object does the server's Status say which.
func IsObjectNotFound(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsNotFound(err) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Name != ""
}

// DeniedError is rights that the user does not have, found out before they were
// needed. It says which.
type DeniedError struct{ Err error }

func (e *DeniedError) Error() string { return e.Err.Error() }

func (e *DeniedError) Unwrap() error { return e.Err }

// LacksRights is true where rights of the user are what is missing, whatever came of
// that.
func LacksRights(err error) bool {
	_, denied := errors.AsType[*DeniedError](err)
	return denied || apierrors.IsForbidden(err) || err != nil && ReasonOf(err) == ReasonForbidden
}

// IsAway is true while a cluster does not answer, or not now: what time may heal.
func IsAway(err error) bool {
	switch ReasonOf(err) { //nolint:exhaustive // these alone pass by themselves
	case ReasonUnreachable, ReasonTimeout, ReasonServerError, ReasonThrottled:
		return true
	}
	return false
}

// reasonOf classifies what is no failure of a connection; those come classified
// from attempt.
func reasonOf(err error) Reason {
	var (
		timeout *TimeoutError
		login   *LoginError
		status  apierrors.APIStatus
	)
	switch {
	case errors.As(err, &login):
		return ReasonLoginFailed
	case errors.As(err, &timeout):
		if !timeout.Connected {
			return ReasonUnreachable
		}
		return ReasonTimeout
	case errors.Is(err, context.Canceled):
		return ReasonCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.As(err, &status):
		return reasonOfStatus(int(status.Status().Code))
	case meta.IsNoMatchError(err):
		return ReasonNotInstalled
	case isInvalidAnswer(err):
		return ReasonInvalidAnswer
	}
	return ReasonInternal
}

// reasonOfConnection classifies a connection that failed: the certificate does
// not verify, what speaks there is no HTTPS, or there is nothing.
func reasonOfConnection(err error) Reason {
	switch {
	case isUntrusted(err):
		return ReasonUntrusted
	case errors.Is(err, http.ErrSchemeMismatch), strings.Contains(err.Error(), "malformed HTTP"):
		return ReasonInvalidAnswer
	}
	return ReasonUnreachable
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func reasonOfStatus(code int) Reason {
	switch code {
	case http.StatusUnauthorized:
		return ReasonUnauthorized
	case http.StatusForbidden:
		return ReasonForbidden
	case http.StatusNotFound:
		return ReasonNotFound
	case http.StatusGone:
		return ReasonExpired
	case http.StatusTooManyRequests:
		return ReasonThrottled
	}
	if code >= http.StatusInternalServerError {
		return ReasonServerError
	}
	return ReasonInvalid
}

func isUntrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}

func isInvalidAnswer(err error) bool {
	var syntax *json.SyntaxError
	var unexpected *json.UnmarshalTypeError
	var garbage *AnswerError
	return errors.As(err, &syntax) || errors.As(err, &unexpected) || errors.As(err, &garbage)
}

// AnswerError is an answer that is not what was asked for.
type AnswerError struct {
	// Path is the request's path.
	Path string
	Err  error
}

func (e *AnswerError) Error() string { return fmt.Sprintf("answer to %s: %v", e.Path, e.Err) }

func (e *AnswerError) Unwrap() error { return e.Err }
