// Package wait says when an object of a cluster is as it should be.
package wait

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Verdict is what an object's status comes to.
type Verdict int

// The verdicts.
const (
	// InProgress: its controller is at work, or has not begun.
	InProgress Verdict = iota
	// Current: it is as its spec says.
	Current
	// Failed: it will not become so by itself.
	Failed
)

// Of is the verdict on an object by the rules of kstatus, and what the status
// says.
func Of(o *unstructured.Unstructured) (v Verdict, message string) {
	result, err := status.Compute(o)
	if err != nil {
		return InProgress, err.Error()
	}
	message = result.Message
	switch result.Status {
	case status.CurrentStatus:
		return Current, message
	case status.FailedStatus:
		return Failed, message
	case status.InProgressStatus, status.TerminatingStatus, status.NotFoundStatus, status.UnknownStatus:
	}
	if message == "" {
		message = fmt.Sprintf("it is %s", result.Status)
	}
	return InProgress, message
}
