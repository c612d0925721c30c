package restore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/target"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

const (
	// probeTimeout bounds a probe that says nothing else, and probeLook is between its
	// tries.
	probeTimeout = time.Minute
	probeLook    = time.Second
)

// CanaryError is a member that was restored from another point than its set has: done,
// and below what was asked for.
type CanaryError struct{ Pod, Got, Want string }

func (e *CanaryError) Error() string {
	return fmt.Sprintf("pod %s says %q, and the set's word is %q: it is not of this set's point", e.Pod, e.Got, e.Want)
}

// isProbed is true for a member that is asked anything once it is ready.
func (o *one) isProbed() bool {
	x := &o.whole.plan.Spec
	return hasWord(x, o.part) || slices.ContainsFunc(x.Probes, func(p v1alpha1.RestoreProbe) bool { return concerns(o.part, p.Clusters, p.Namespace) })
}

// probe runs the policy's probes for the member, and reads the set's word.
func (o *one) probe(ctx context.Context) error {
	for i, p := range o.whole.plan.Spec.Probes {
		if !concerns(o.part, p.Clusters, p.Namespace) {
			continue
		}
		if err := o.passes(ctx, p); err != nil {
			return fmt.Errorf("probe %d: %w", i+1, err)
		}
	}
	return o.canary(ctx)
}

// concerns is true where something of the policy is for a member.
func concerns(part *v1alpha1.RestoreMember, clusters []string, namespace string) bool {
	if len(clusters) > 0 {
		return slices.Contains(clusters, part.Source)
	}
	return part.Namespaces == nil || slices.Contains(part.Namespaces, namespace)
}

// passes runs a probe until it passes in every pod that it is for.
func (o *one) passes(ctx context.Context, p v1alpha1.RestoreProbe) error {
	timeout := cmp.Or(p.Timeout.Duration, probeTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o.waits(fmt.Sprintf("probe %q in pods %s of namespace %s", strings.Join(p.Command, " "), p.Selector, inTarget(&o.whole.plan.Spec, p.Namespace)))
	for {
		_, err := o.ask(ctx, p.Namespace, p.Selector, p.Container, p.Command)
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
	if !hasWord(x, o.part) {
		return nil
	}
	var said []target.Answer
	err := patience.Try(ctx, func() (err error) {
		said, err = o.ask(ctx, x.Canary.Namespace, x.Canary.Selector, x.Canary.Container, x.Canary.Read)
		return err
	})
	if err != nil {
		return fmt.Errorf("the set's word cannot be read: %w", err)
	}
	for _, s := range said {
		word := strings.TrimSpace(s.Text)
		o.change(func(p *v1alpha1.RestoreProgress) { p.Canary = word })
		if word != x.CanaryWord {
			return &CanaryError{Pod: s.Pod, Got: word, Want: x.CanaryWord}
		}
	}
	return nil
}

// hasWord is true for a member that is asked for the set's word.
func hasWord(x *v1alpha1.RestoreExecutionSpec, part *v1alpha1.RestoreMember) bool {
	return x.Canary != nil && x.CanaryWord != "" && part.Canary
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

// ask runs a command in every running pod that a selector finds.
func (o *one) ask(ctx context.Context, namespace, selector, container string, command []string) ([]target.Answer, error) {
	return target.Ask(ctx, o.member, inTarget(&o.whole.plan.Spec, namespace), selector, container, command)
}
