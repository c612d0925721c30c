package direct

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// WarningsIn are the Warning events about the set in another cluster, to which the
// plan's brings it.
func (p *Plan) WarningsIn(ctx context.Context, m *member.Member, since time.Time) ([]string, error) {
	there := *p
	there.member = m
	return there.warnings(ctx, since)
}

// warnings are the Warning events about the set's objects, and what their
// controllers made of them, since a moment: each once, in words.
func (p *Plan) warnings(ctx context.Context, since time.Time) (found []string, err error) {
	for _, namespace := range p.set.Journal.Namespaces {
		request := member.ListRequest{
			Resource:  member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "events"}, Kind: "Event", Namespaced: true},
			Namespace: namespace, FieldSelector: "type=" + corev1.EventTypeWarning, Limit: 500,
		}
		for page, err := range p.member.Objects(ctx, request) {
			if err != nil {
				return found, err
			}
			for i := range page {
				if text := p.warning(&page[i], since); text != "" && !slices.Contains(found, text) {
					found = append(found, text)
				}
			}
		}
	}
	return found, nil
}

// warning is an event in words, if it is about the set and not older than since.
func (p *Plan) warning(object *unstructured.Unstructured, since time.Time) string {
	var event corev1.Event
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &event) != nil {
		return ""
	}
	last := event.LastTimestamp.Time
	if event.EventTime.After(last) {
		last = event.EventTime.Time
	}
	if event.Series != nil && event.Series.LastObservedTime.After(last) {
		last = event.Series.LastObservedTime.Time
	}
	about := event.InvolvedObject
	// Events have whole seconds; one of the second in which we began may be ours.
	if last.Before(since.Truncate(time.Second)) || !p.concerns(about.Kind, about.Name) {
		return ""
	}
	return fmt.Sprintf("%s %s/%s: %s: %s", about.Kind, about.Namespace, about.Name, event.Reason, event.Message)
}

// concerns is true for an object of the set, and for one whose name a controller
// made of that of a workload of the set.
func (p *Plan) concerns(kind, name string) bool {
	return slices.ContainsFunc(p.current.Objects, func(o *unstructured.Unstructured) bool {
		if o.GetKind() == kind && o.GetName() == name {
			return true
		}
		made := kind == "Pod" || kind == "ReplicaSet" || kind == "Job" || kind == "PersistentVolumeClaim"
		return made && stageOf(o.GroupVersionKind().GroupKind()) == stageWorkloads && strings.HasPrefix(name, o.GetName()+"-")
	})
}
