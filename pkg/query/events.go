package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// EventsRequest is which events are asked for.
type EventsRequest struct {
	// Namespace; empty: that of each cluster's own context.
	Namespace     string
	AllNamespaces bool
	// Types of events, such as Warning; empty: all.
	Types []string
	// Since leaves out what was last seen before; zero: nothing.
	Since time.Time
}

// Events asks every cluster for its events and puts together what says the
// same, the newest last. A cluster that fails halfway keeps its events, and
// its failure counts them.
func Events(ctx context.Context, f Fleet, r EventsRequest) ([]v1alpha1.EventGroup, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (eventGroups, error) {
		groups := eventGroups{}
		err := groups.fill(ctx, m, r)
		if n := groups.events(); err != nil && n > 0 {
			err = member.Incomplete(n, err)
		}
		return groups, err
	})
	report := Report{Asked: len(results), Failures: results.Failures(eventGroups.events)}
	all := eventGroups{} // takes the clusters' own groups over, and adds to them
	for _, result := range results {
		for key, group := range result.Value {
			all.add(key, group)
		}
	}
	groups := all.list()
	report.Shown = len(groups)
	return groups, report
}

// eventKey is what events that say the same have in common.
type eventKey struct{ eventType, reason, namespace, kind, pattern string }

// eventGroup is the events of one key.
type eventGroup struct {
	clusters []string
	// name is the object's; empty if there are several.
	name  string
	count int64
	// events counts the objects of the API.
	events   int
	lastSeen time.Time
	message  string
}

type eventGroups map[eventKey]*eventGroup

// add puts a group to those of its key.
func (g eventGroups) add(key eventKey, more *eventGroup) {
	have := g[key]
	if have == nil {
		g[key] = more
		return
	}
	for _, cluster := range more.clusters {
		have.clusters = insert(have.clusters, cluster)
	}
	if have.name != more.name {
		have.name = ""
	}
	have.count += more.count
	have.events += more.events
	if more.lastSeen.After(have.lastSeen) {
		have.lastSeen, have.message = more.lastSeen, more.message
	}
}

func (g eventGroups) events() int {
	n := 0
	for _, group := range g {
		n += group.events
	}
	return n
}

func (g eventGroups) fill(ctx context.Context, m *member.Member, r EventsRequest) error {
	resource := member.Events()
	ask := Request{Namespace: r.Namespace, AllNamespaces: r.AllNamespaces, ChunkSize: DefaultChunkSize}.
		listRequests(Item{}, resource, m.Cluster().Namespace)[0]
	if len(r.Types) == 1 {
		ask.FieldSelector = fields.OneTermEqualSelector("type", r.Types[0]).String()
	}
	for page, err := range m.Typed(ctx, ask) {
		if err != nil {
			return err
		}
		list, is := page.(*corev1.EventList)
		if !is {
			return unexpected(page)
		}
		for i := range list.Items {
			event := &list.Items[i]
			seen := lastSeen(event)
			if (len(r.Types) > 0 && !slices.Contains(r.Types, event.Type)) || seen.Before(r.Since) {
				continue
			}
			object := event.InvolvedObject
			key := eventKey{event.Type, event.Reason, object.Namespace, object.Kind, namePattern(object.Name)}
			g.add(key, &eventGroup{
				clusters: []string{m.Cluster().Name}, name: object.Name, count: times(event), events: 1, lastSeen: seen, message: event.Message,
			})
		}
	}
	return nil
}

// lastSeen is when an event happened last. Which field says so depends on who
// wrote it, and by which version of the API.
func lastSeen(event *corev1.Event) time.Time {
	switch {
	case event.Series != nil && !event.Series.LastObservedTime.IsZero():
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	case !event.FirstTimestamp.IsZero():
		return event.FirstTimestamp.Time
	}
	return event.CreationTimestamp.Time
}

// times is how often an event happened.
func times(event *corev1.Event) int64 {
	if event.Series != nil {
		return int64(event.Series.Count)
	}
	return max(1, int64(event.Count))
}

func (g eventGroups) list() []v1alpha1.EventGroup {
	sorted := make([]*v1alpha1.EventGroup, 0, len(g)) // moved less than what they point to
	for key, group := range g {
		line := &v1alpha1.EventGroup{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.EventGroupKind},
			ObjectMeta: metav1.ObjectMeta{Namespace: key.namespace},
			Type:       key.eventType, Reason: key.reason, ObjectKind: key.kind, ObjectName: cmp.Or(group.name, key.pattern),
			Clusters: group.clusters, Count: group.count, LastSeen: metav1.NewTime(group.lastSeen), Message: group.message,
		}
		line.Name = fmt.Sprintf("%s.%s.%s", strings.ToLower(line.ObjectKind), line.ObjectName, strings.ToLower(line.Reason))
		if len(group.clusters) == 1 {
			line.Annotations = map[string]string{v1alpha1.ClusterAnnotation: group.clusters[0]}
		}
		sorted = append(sorted, line)
	}
	slices.SortFunc(sorted, func(a, b *v1alpha1.EventGroup) int {
		return cmp.Or(a.LastSeen.Time.Compare(b.LastSeen.Time), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	groups := make([]v1alpha1.EventGroup, len(sorted))
	for i, group := range sorted {
		groups[i] = *group
	}
	return groups
}
