package member

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
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
	var known *Error
	if errors.As(err, &known) {
		return known.Reason
	}
	return reasonOf(err)
}

// Incomplete says that a list was cut off after rows of it had come.
func Incomplete(rows int, err error) error {
	return &Error{Reason: ReasonIncomplete, Err: fmt.Errorf("cut off after %d rows: %s: %w", rows, ReasonOf(err), err)}
}

// classify gives an error from the transport or the API its Reason, and drops
// the wrapping that says nothing to a person who knows which cluster it was.
func (m *Member) classify(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	reason := reasonOf(err)
	if reason == ReasonUnreachable && m.answered.Load() {
		err = fmt.Errorf("connection lost: %w", err)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return &Error{Reason: reason, Err: err}
}

func reasonOf(err error) Reason {
	var (
		timeout *TimeoutError
		login   *LoginError
		network net.Error
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
	case isUntrusted(err):
		return ReasonUntrusted
	case errors.As(err, &status):
		return reasonOfStatus(int(status.Status().Code))
	case meta.IsNoMatchError(err):
		return ReasonNotInstalled
	case isInvalidAnswer(err):
		return ReasonInvalidAnswer
	case isDisconnect(err):
		return ReasonUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return ReasonTimeout
	case errors.As(err, &network):
		return ReasonUnreachable
	}
	return ReasonInternal
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
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &hostname)
}

func isInvalidAnswer(err error) bool {
	var syntax *json.SyntaxError
	var unexpected *json.UnmarshalTypeError
	var garbage *AnswerError
	var record tls.RecordHeaderError
	return errors.As(err, &syntax) || errors.As(err, &unexpected) || errors.As(err, &garbage) || errors.As(err, &record)
}

func isDisconnect(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// AnswerError is an answer that is not what was asked for.
type AnswerError struct {
	// Path is the request's path.
	Path string
	Err  error
}

func (e *AnswerError) Error() string { return fmt.Sprintf("answer to %s: %v", e.Path, e.Err) }

func (e *AnswerError) Unwrap() error { return e.Err }
