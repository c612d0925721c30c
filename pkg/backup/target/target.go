// Package target asks the containers of an application.
package target

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Answer is what a command has said in a pod.
type Answer struct {
	// Pod is NAMESPACE/NAME.
	Pod string
	// Text is the end of its stdout, of at most 4 KiB.
	Text string
}

// Ask runs a command in every running pod that a selector finds, one after the other;
// there must be one. It is an error if it does not end with 0, or if nobody has seen
// it end. container is the pod's first if it is "".
func Ask(ctx context.Context, m *member.Member, namespace, selector, container string, command []string) ([]Answer, error) {
	var all []Answer
	request := member.ListRequest{Resource: member.Pods(), Namespace: namespace, LabelSelector: selector, Limit: 500}
	for page, err := range m.Typed(ctx, request) {
		if err != nil {
			return nil, err
		}
		pods, is := page.(*corev1.PodList)
		if !is {
			return nil, fmt.Errorf("a list of pods is a %T", page)
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
				continue
			}
			text, err := ask(ctx, m, pod, container, command)
			if err != nil {
				return nil, fmt.Errorf("pod %s/%s: %w", namespace, pod.Name, err)
			}
			all = append(all, Answer{namespace + "/" + pod.Name, text})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no running pod in namespace %s has labels %s", namespace, selector)
	}
	return all, nil
}

// ended is what the shell says when the command has ended well. The exit code alone
// may be 0 for a command whose end nobody has seen: a containerd that restarts gives
// that.
const ended = "kubectl-fleet: ended"

func ask(ctx context.Context, m *member.Member, pod *corev1.Pod, container string, command []string) (string, error) {
	var stdout, stderr tail
	script := []string{"sh", "-c", `"$@" && echo "` + ended + `"`, "sh"}
	err := m.Exec(ctx, pod.Namespace, pod.Name, corev1.PodExecOptions{
		Container: cmp.Or(container, pod.Spec.Containers[0].Name), Command: slices.Concat(script, command), Stdout: true, Stderr: true,
	}, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			return "", fmt.Errorf("%w: %s", err, said)
		}
		return "", err
	}
	text, whole := strings.CutSuffix(strings.TrimSuffix(stdout.String(), "\n"), ended)
	if !whole {
		return "", errors.New("its end was not seen")
	}
	return text, nil
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

const longest = 4 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	t.Buffer.Write(p[max(0, n-longest):])
	t.Next(max(0, t.Len()-longest))
	return n, nil
}
