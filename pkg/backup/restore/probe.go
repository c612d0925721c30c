package restore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

const (
	// probeTimeout bounds a probe that says nothing else, and probeLook is between its
	// tries.
	probeTimeout = time.Minute
	probeLook    = time.Second
	// maxSaid bounds what is kept of what a command says, in bytes.
	maxSaid = 4 << 10
)

// CanaryError is a member that was restored from another point than its set has: done,
// and below what was asked for.
type CanaryError struct{ Pod, Got, Want string }

func (e *CanaryError) Error() string {
	return fmt.Sprintf("pod %s says %q, and the set's word is %q: it is not of this set's point", e.Pod, e.Got, e.Want)
}

// probe runs the policy's probes for the member, and reads the set's word.
func (o *one) probe(ctx context.Context) error {
	for i, p := range o.whole.plan.Spec.Probes {
		if !o.concerned(p.Clusters, p.Namespace) {
			continue
		}
		if err := o.passes(ctx, p); err != nil {
			return fmt.Errorf("probe %d: %w", i+1, err)
		}
	}
	return o.canary(ctx)
}

// concerned is true where something of the policy is for the member.
func (o *one) concerned(clusters []string, namespace string) bool {
	if len(clusters) > 0 {
		return slices.Contains(clusters, o.part.Source)
	}
	return o.part.Namespaces == nil || slices.Contains(o.part.Namespaces, namespace)
}

// passes runs a probe until it passes in every pod that it is for.
func (o *one) passes(ctx context.Context, p v1alpha1.RestoreProbe) error {
	timeout := cmp.Or(p.Timeout.Duration, probeTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o.waits(fmt.Sprintf("probe %q in pods %s of namespace %s", strings.Join(p.Command, " "), p.Selector, inTarget(&o.whole.plan.Spec, p.Namespace)))
	for {
		_, err := o.inPods(ctx, p.Namespace, p.Selector, p.Container, p.Command)
		if err == nil {
			return nil
		}
		if paused := pause(ctx, probeLook); paused != nil {
			return fmt.Errorf("it has not passed within %s: %w", timeout, err)
		}
	}
}

// canary compares the word that the member has with the set's.
func (o *one) canary(ctx context.Context) error {
	x := &o.whole.plan.Spec
	if x.Canary == nil || x.CanaryWord == "" || !o.part.Canary {
		return nil
	}
	said, err := o.inPods(ctx, x.Canary.Namespace, x.Canary.Selector, x.Canary.Container, x.Canary.Read)
	if err != nil {
		return fmt.Errorf("the set's word cannot be read: %w", err)
	}
	for _, s := range said {
		word := strings.TrimSpace(s.text)
		o.change(func(p *v1alpha1.RestoreProgress) { p.Canary = word })
		if word != x.CanaryWord {
			return &CanaryError{Pod: s.pod, Got: word, Want: x.CanaryWord}
		}
	}
	return nil
}

// canaryMatches is whether all members that have the set's word have said it; nil if
// none has been asked.
func canaryMatches(x *v1alpha1.RestoreExecution) *bool {
	asked, all := false, true
	for _, m := range x.Spec.Members {
		if p := progressOf(x, m.Source); m.Canary && x.Spec.CanaryWord != "" && p != nil {
			asked = asked || p.Canary != ""
			all = all && p.Canary == x.Spec.CanaryWord
		}
	}
	if !asked {
		return nil
	}
	return &all
}

// said is what a command has said in a pod.
type said struct{ pod, text string }

// inPods runs a command in every running pod that a selector finds; there must be one.
func (o *one) inPods(ctx context.Context, namespace, selector, container string, command []string) ([]said, error) {
	namespace = inTarget(&o.whole.plan.Spec, namespace)
	var all []said
	request := member.ListRequest{Resource: coreResource("pods", "Pod", true), Namespace: namespace, LabelSelector: selector, Limit: 500}
	for page, err := range o.member.Typed(ctx, request) {
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
			text, err := ask(ctx, o.member, pod, container, command)
			if err != nil {
				return nil, fmt.Errorf("pod %s/%s: %w", namespace, pod.Name, err)
			}
			all = append(all, said{namespace + "/" + pod.Name, text})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no running pod in namespace %s has labels %s", namespace, selector)
	}
	return all, nil
}

// endedWord is what a command's shell says when the command has come to its end.
// The exit code alone may be 0 for a command whose end nobody has seen.
const endedWord = "kubectl-fleet: ended"

// ask runs a command in a pod, and returns what it says on stdout.
func ask(ctx context.Context, m *member.Member, pod *corev1.Pod, container string, command []string) (string, error) {
	if container == "" {
		container = pod.Spec.Containers[0].Name
	}
	var stdout, stderr bounded
	script := []string{"sh", "-c", `"$@" && echo "` + endedWord + `"`, "sh"}
	err := m.Exec(ctx, pod.Namespace, pod.Name, corev1.PodExecOptions{
		Container: container, Command: slices.Concat(script, command), Stdout: true, Stderr: true,
	}, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		return "", fmt.Errorf("%w%s", err, colon(strings.TrimSpace(stderr.String())))
	}
	text, whole := strings.CutSuffix(strings.TrimSuffix(stdout.String(), "\n"), endedWord)
	if !whole {
		return "", errors.New("its end was not seen")
	}
	return text, nil
}

// bounded keeps the last of what is written to it, and throws the rest away.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	b.Buffer.Write(p[max(0, n-maxSaid):])
	if over := b.Len() - maxSaid; over > 0 {
		b.Next(over)
	}
	return n, nil
}
