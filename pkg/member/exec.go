package member

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// ExitError is a command that ran to its end in a container, and not with 0.
type ExitError struct{ Code int }

func (e *ExitError) Error() string {
	return fmt.Sprintf("command terminated with exit code %d", e.Code)
}

// Exec runs a command in a container of a pod and joins its streams to ours,
// until it ends or ctx does. The handshake is bounded as every request; what
// follows is not. It is a WebSocket, or SPDY where the server refuses one
// (KEP-4006), as with kubectl. The error is an *ExitError if the command ended
// with another code than 0, else an *Error.
func (m *Member) Exec(ctx context.Context, namespace, pod string, o corev1.PodExecOptions, streams remotecommand.StreamOptions) error {
	if err := m.Login(ctx); err != nil {
		return err
	}
	at := m.rest.Post().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "exec").
		SpecificallyVersionedParams(&o, scheme.ParameterCodec, corev1.SchemeGroupVersion).URL()
	// These two dial by themselves, each with its own transport; what surrounds
	// the connection, login and bounds, comes with the config.
	config := rest.CopyConfig(m.config)
	config.WrapTransport = transport.Wrappers(m.upgrades, config.WrapTransport)
	socket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, at.String())
	if err != nil {
		return &Error{Reason: ReasonMisconfigured, Err: err}
	}
	spdy, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, at)
	if err != nil {
		return &Error{Reason: ReasonMisconfigured, Err: err}
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, spdy, speaksNoWebSocket)
	if err != nil {
		return &Error{Reason: ReasonInternal, Err: err}
	}
	return m.explainExec(executor.StreamWithContext(withPace(ctx, paceOpen), streams))
}

// speaksNoWebSocket tells a server, or a proxy before it, that does not know the
// protocol from one that refuses the request, and would again.
func speaksNoWebSocket(err error) bool {
	upgrade, is := errors.AsType[*httpstream.UpgradeFailureError](err)
	if !is {
		return httpstream.IsHTTPSProxyError(err)
	}
	var status apierrors.APIStatus
	return !errors.As(upgrade.Cause, &status) || status.Status().Code == http.StatusBadRequest
}

func (m *Member) explainExec(err error) error {
	if ended, is := errors.AsType[exec.CodeExitError](err); is {
		return &ExitError{Code: ended.Code}
	}
	if upgrade, is := errors.AsType[*httpstream.UpgradeFailureError](err); is {
		var status apierrors.APIStatus
		if errors.As(upgrade.Cause, &status) {
			return m.classify(upgrade.Cause)
		}
		return &Error{Reason: ReasonInvalidAnswer, Err: upgrade.Cause}
	}
	if err = m.classify(err); err != nil && ReasonOf(err) == ReasonInternal {
		// What it says of the kubelet or the container has no type of its own.
		return &Error{Reason: ReasonServerError, Err: err}
	}
	return err
}

// upgrade is a handshake that a context can end. Those of client-go read the
// answer without looking at it; WebSockets heed at least its deadline.
type upgrade struct {
	base    http.RoundTripper
	timeout time.Duration
}

func (m *Member) upgrades(base http.RoundTripper) http.RoundTripper {
	return &upgrade{base: base, timeout: m.options.Timeout}
}

func (u *upgrade) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), u.timeout)
	type outcome struct {
		resp *http.Response
		err  error
	}
	result := make(chan outcome, 1)
	go func() {
		defer cancel() // the connection that has been made does not depend on it
		resp, err := u.base.RoundTrip(req.WithContext(ctx))
		result <- outcome{resp, err}
	}()
	select {
	case got := <-result:
		return got.resp, got.err
	case <-req.Context().Done():
		return nil, context.Cause(req.Context())
	}
}
