package direct

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/wait"
)

// Gate is what must hold in a cluster before a run goes on.
type Gate struct {
	// Timeout bounds the wait for everything to be current.
	Timeout time.Duration
	// Bake is how long it must stay so, without a container that restarts.
	Bake time.Duration
	// OnWarnings fails the gate at the first Warning event about the set.
	OnWarnings bool
}

// Health is how the objects of a set are in a cluster.
type Health struct {
	Total, Current int
	// Waiting is what is not current, each with what its status says.
	Waiting []string
	// Warnings are the Warning events about it since the gate began, in words.
	Warnings []string
	// Baking is how long all has been current.
	Baking time.Duration
}

// String is the health in a few words.
func (h Health) String() string {
	text := fmt.Sprintf("current %d/%d", h.Current, h.Total)
	if len(h.Waiting) > 0 {
		text += "; " + strings.Join(h.Waiting[:min(3, len(h.Waiting))], "; ")
	}
	return text
}

// GateError is a gate that was not passed.
type GateError struct {
	Health Health
	// Failed is what will not become current; empty where time ran out.
	Failed string
	// After is the time that ran out.
	After time.Duration
}

func (e *GateError) Error() string {
	if e.Failed != "" {
		return e.Failed
	}
	return fmt.Sprintf("not healthy within %s: %s", e.After, e.Health)
}

// Reason classifies the failure.
func (*GateError) Reason() member.Reason { return member.ReasonUnhealthy }

// TimedOut is true where time ran out, and nothing has failed yet.
func (e *GateError) TimedOut() bool { return e.Failed == "" }

// the pauses between two looks grow from the first to the last.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 2 * time.Second
	// patience is how long a cluster may fail to answer while it is waited for.
	patience = 30 * time.Second
)

// Await passes the gate, or is a *GateError. look hears how it stands.
func (p *Plan) Await(ctx context.Context, gate Gate, look func(Health)) error {
	return gate.Await(ctx, Looks{Health: p.health, Restarts: p.restarts, Warnings: p.warnings}, look)
}

// Confirm passes the gate, but for its bake, where nothing was to be done. What was seen
// when that was planned is looked at first, and costs no request.
func (p *Plan) Confirm(ctx context.Context, gate Gate, look func(Health)) error {
	if p.current == nil {
		return nil // it is not kept any more what should be there
	}
	var seen []heldMember
	for _, c := range p.Changes {
		if c.live != nil {
			seen = append(seen, heldMember{*c.live, c.Resource})
		}
	}
	if h, failed := p.healthOf(seen); failed == "" && h.Current == h.Total {
		look(h)
		return nil
	}
	gate.Bake = 0
	return p.Await(ctx, gate, look)
}

// Looks are the ways in which a gate looks at a cluster.
type Looks struct {
	// Health looks how objects are. failed is what will not become current.
	Health func(ctx context.Context) (h Health, failed string, err error)
	// Restarts counts those of containers.
	Restarts func(ctx context.Context) (int, error)
	// Warnings are the events since the gate's wait began, as far as they could be read.
	Warnings func(ctx context.Context, since time.Time) ([]string, error)
}

// Await passes the gate, or is a *GateError. look hears how it stands.
func (gate Gate) Await(ctx context.Context, by Looks, look func(Health)) error {
	began := time.Now()
	var currentSince, answered time.Time
	answered = began
	restarts := -1
	var warned time.Time
	var warnings []string
	var unread error
	for every := firstLook; ; every = min(every*3/2, lastLook) {
		var asking sync.WaitGroup
		if time.Since(warned) > lastLook {
			asking.Go(func() {
				warned = time.Now()
				warnings, unread = by.Warnings(ctx, began)
			})
		}
		health, failed, err := by.Health(ctx)
		asking.Wait()
		now := time.Now()
		health.Warnings = warnings
		hidden := member.LacksRights(unread) // what else keeps them from being read, time may heal
		if hidden && health.Current < health.Total {
			health.Warnings = append(slices.Clip(warnings), "its events are not known: "+unread.Error())
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && now.Sub(answered) > patience:
			return err
		case err != nil:
			currentSince = time.Time{}
		case failed != "":
			return &GateError{Health: health, Failed: failed}
		case gate.OnWarnings && hidden:
			return unread
		case gate.OnWarnings && len(warnings) > 0:
			return &GateError{Health: health, Failed: "warning: " + warnings[0]}
		default:
			answered = now
			if health.Current < health.Total {
				currentSince = time.Time{}
				break
			}
			if gate.Bake == 0 {
				look(health)
				return nil
			}
			count, uncounted := by.Restarts(ctx)
			if member.LacksRights(uncounted) {
				return uncounted
			}
			if err = uncounted; err != nil {
				break
			}
			if currentSince.IsZero() {
				currentSince = now
			}
			if restarts >= 0 && count > restarts {
				return &GateError{Health: health, Failed: fmt.Sprintf("containers restarted %d times in the bake", count-restarts)}
			}
			restarts = count
			if health.Baking = now.Sub(currentSince); health.Baking >= gate.Bake {
				look(health)
				return nil
			}
		}
		look(health)
		if currentSince.IsZero() && now.Sub(began) > gate.Timeout {
			if err != nil {
				return err
			}
			return &GateError{Health: health, After: gate.Timeout}
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// health looks once. failed is an object that will not become current.
func (p *Plan) health(ctx context.Context) (h Health, failed string, err error) {
	members, err := (&planner{Plan: p, healthOnly: true}).members(ctx)
	if err != nil {
		return h, "", err
	}
	h, failed = p.healthOf(members)
	return h, failed, nil
}

func (p *Plan) healthOf(members []heldMember) (h Health, failed string) {
	there := byRef(members)
	for _, wanted := range p.current.Objects {
		h.Total++
		ref := set.RefOf(wanted)
		held := there[ref.Unversioned()]
		if held == nil {
			h.Waiting = append(h.Waiting, ref.String()+": it is gone")
			continue
		}
		switch verdict, message := wait.Of(&held.Unstructured); verdict {
		case wait.Current:
			h.Current++
		case wait.Failed:
			failed = fmt.Sprintf("%s failed: %s", ref, message)
			h.Waiting = append(h.Waiting, failed)
		case wait.InProgress:
			h.Waiting = append(h.Waiting, ref.String()+": "+message)
		}
	}
	return h, failed
}

// restarts counts how often the containers of the set's workloads have restarted.
func (p *Plan) restarts(ctx context.Context) (int, error) {
	total := 0
	for _, wanted := range p.current.Objects {
		selector := podSelector(wanted)
		if selector == "" {
			continue
		}
		pods := member.ListRequest{Resource: podResource(), Namespace: wanted.GetNamespace(), LabelSelector: selector, Limit: 500}
		for page, err := range p.member.Objects(ctx, pods) {
			if err != nil {
				return 0, err
			}
			for i := range page {
				total += restartsOf(&page[i])
			}
		}
	}
	return total, nil
}

// podSelector selects the pods of a workload; empty if it has none of its own.
func podSelector(o *unstructured.Unstructured) string {
	switch o.GroupVersionKind().GroupKind().String() {
	case "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps":
	default:
		return ""
	}
	labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
	pairs := make([]string, 0, len(labels))
	for name, value := range labels {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

func restartsOf(pod *unstructured.Unstructured) int {
	n := 0
	for _, field := range []string{"containerStatuses", "initContainerStatuses"} {
		statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", field)
		for _, one := range statuses {
			if container, is := one.(map[string]any); is {
				count, _, _ := unstructured.NestedInt64(container, "restartCount")
				n += int(count)
			}
		}
	}
	return n
}

func podResource() member.Resource {
	return member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "pods"}, Kind: "Pod", Namespaced: true}
}
