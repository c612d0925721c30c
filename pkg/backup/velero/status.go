package velero

import (
	"context"
	"fmt"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// answers is how long a Velero that runs may take to answer what it is asked: it may be
// busy, and looks at once otherwise.
const answers = 15 * time.Second

// SilentError is a Velero that does not answer.
type SilentError struct {
	Namespace string
	// Request is what it was asked.
	Request string
	After   time.Duration
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("Velero in namespace %s has not answered a %s for %s", e.Namespace, e.Request, e.After)
}

// Reason classifies the failure.
func (*SilentError) Reason() member.Reason { return member.ReasonUnhealthy }

func serverStatusRequests() member.Resource {
	return resource("serverstatusrequests", "ServerStatusRequest")
}

// patiently bounds a question to Velero.
func (s Server) patiently(ctx context.Context, r member.Resource) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, answers, &SilentError{s.Namespace, r.Kind, answers})
}

// Version is which version of Velero runs; that it answers shows that it does.
func (s Server) Version(ctx context.Context) (string, error) {
	status, err := s.Status(ctx)
	return status.ServerVersion, err
}

// Status is what Velero says of itself: its version and its plugins. One that does not
// answer is a *SilentError.
func (s Server) Status(ctx context.Context) (velerov1.ServerStatusRequestStatus, error) {
	ctx, cancel := s.patiently(ctx, serverStatusRequests())
	defer cancel()
	request, err := create(ctx, s, serverStatusRequests(), &velerov1.ServerStatusRequest{ObjectMeta: metav1.ObjectMeta{GenerateName: "kubectl-fleet-"}})
	if err != nil {
		return velerov1.ServerStatusRequestStatus{}, err
	}
	answered, err := await(ctx, s, serverStatusRequests(), request.Name, func(r *velerov1.ServerStatusRequest) bool {
		return r.Status.Phase == velerov1.ServerStatusRequestPhaseProcessed
	}, nil)
	s.discard(ctx, serverStatusRequests(), request)
	if err != nil {
		return velerov1.ServerStatusRequestStatus{}, err
	}
	return answered.Status, nil
}

// discard deletes a question that has been answered, or will not be. Velero does the
// same in a while, if it runs: so a failure is no matter.
func (s Server) discard(ctx context.Context, r member.Resource, o metav1.Object) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lasts)
	defer cancel()
	_ = s.Member.Delete(ctx, r, s.Namespace, o.GetName(), o.GetUID(), member.WriteOptions{})
}
