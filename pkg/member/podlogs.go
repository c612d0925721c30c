package member

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// PodLogs opens the log of one container. Errors of it and of reading are
// *Errors. A log that is followed is bounded until the request is sent, and no
// more; any other as long as somebody waits for its next bytes.
func (m *Member) PodLogs(ctx context.Context, namespace, pod string, o corev1.PodLogOptions) (io.ReadCloser, error) {
	pace := paceSteady
	if o.Follow {
		pace = paceFollow
	}
	body, err := m.rest.Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log").
		SpecificallyVersionedParams(&o, scheme.ParameterCodec, corev1.SchemeGroupVersion).
		MaxRetries(0). // one attempt; who follows resumes where it was
		Stream(withPace(ctx, pace))
	if err != nil {
		return nil, m.classify(err)
	}
	return body, nil
}
