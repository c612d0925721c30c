package query

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Phases of a cluster that answers. One that does not has the failure's reason.
const (
	PhaseReady    = "Ready"
	PhaseNotReady = "NotReady"
	// PhaseUnknown: the API server answers, but not to the question whether it
	// is ready.
	PhaseUnknown = "Unknown"
)

// RosterOptions are what a roster may show beyond the default.
type RosterOptions struct {
	// Usage adds requested and allocatable capacity. It reads every node and
	// every pod.
	Usage bool
}

// Roster probes every cluster and says what is found: never what somebody
// recorded. Each cluster has an entry, in the order asked. A question that the
// user may not ask leaves its field unknown and is no failure.
func Roster(ctx context.Context, f Fleet, o RosterOptions) ([]v1alpha1.Cluster, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (*v1alpha1.ClusterStatus, error) {
		return probe(ctx, m, o)
	})
	roster := make([]v1alpha1.Cluster, len(results))
	for i, result := range results {
		entry := entryOf(result.Cluster)
		if m, err := f.Members.Member(ctx, result.Cluster); err == nil && result.Cluster.Context == "" {
			entry.Spec.Server = m.Server() // a hub alone may not know, or lead there in its own way
		}
		if result.Value != nil {
			entry.Status = *result.Value
		}
		if entry.Status.Phase == "" {
			entry.Status.Phase = string(member.ReasonOf(result.Err))
		}
		if created := entry.Status.Created; created != nil {
			entry.CreationTimestamp = *created
		}
		roster[i] = entry
	}
	return roster, Report{Asked: len(results), Failures: results.Failures(nil), Shown: len(roster)}
}

func entryOf(c inventory.Cluster) v1alpha1.Cluster {
	entry := v1alpha1.Cluster{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ClusterKind},
		ObjectMeta: metav1.ObjectMeta{
			Name:        c.Name,
			Labels:      c.Labels,
			Annotations: map[string]string{v1alpha1.ClusterAnnotation: c.Name},
		},
		Spec: v1alpha1.ClusterSpec{Inventory: c.Provider, Aliases: c.Aliases, Context: c.Context, Server: c.Server},
	}
	for _, l := range c.Listings {
		entry.Spec.Listings = append(entry.Spec.Listings, v1alpha1.Listing(l))
	}
	return entry
}

// probe asks one cluster everything that its row shows. The first request alone
// decides whether the cluster is there; the others then run side by side.
func probe(ctx context.Context, m *member.Member, o RosterOptions) (*v1alpha1.ClusterStatus, error) {
	p := &prober{ctx: ctx, status: &v1alpha1.ClusterStatus{}}
	p.learn(v1alpha1.FieldVersion, func() error { return p.version(m) })
	if p.failed != nil {
		return p.status, p.failed
	}
	p.learn(v1alpha1.FieldLatency, func() error { return p.latency(m) })

	var questions sync.WaitGroup
	side := func(field string, question func(*member.Member) error) {
		questions.Go(func() { p.learn(field, func() error { return question(m) }) })
	}
	side(v1alpha1.FieldPhase, p.readiness)
	side(v1alpha1.FieldUID, p.identity)
	side(v1alpha1.FieldNodes, p.nodes)
	side(v1alpha1.FieldPods, p.pods)
	if o.Usage {
		side(v1alpha1.FieldUsage, p.usage)
	}
	questions.Wait()
	p.learn(v1alpha1.FieldClientCertificate, func() error { return p.certificates(m) })
	return p.status, p.failed
}

// prober gathers the answers of one cluster.
type prober struct {
	ctx    context.Context //nolint:containedctx // lives for one probe
	mu     sync.Mutex
	status *v1alpha1.ClusterStatus
	failed error
}

// learn asks one question. Not to be allowed to ask it is an answer; any other
// failure is the cluster's.
func (p *prober) learn(field string, question func() error) {
	err := question()
	if err == nil {
		return
	}
	reason := member.ReasonOf(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Unknown == nil {
		p.status.Unknown = map[string]string{}
	}
	p.status.Unknown[field] = string(reason)
	if field == v1alpha1.FieldPhase && (reason == member.ReasonForbidden || reason == member.ReasonNotFound) {
		p.status.Phase = PhaseUnknown
		return
	}
	if reason == member.ReasonForbidden {
		return
	}
	if p.failed == nil {
		p.failed = err
		if field != v1alpha1.FieldVersion {
			p.failed = &member.Error{Reason: reason, Err: fmt.Errorf("%s: %w", field, err)}
		}
	}
}

func (p *prober) set(change func(*v1alpha1.ClusterStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.status)
}

func (p *prober) version(m *member.Member) error {
	info, err := m.Version(p.ctx)
	if err != nil {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.Version = info.GitVersion })
	return nil
}

func (p *prober) latency(m *member.Member) error {
	took, err := m.Latency(p.ctx)
	if err != nil {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.LatencyMilliseconds = new(took.Milliseconds()) })
	return nil
}

func (p *prober) readiness(m *member.Member) error {
	r, err := m.Readiness(p.ctx)
	if err != nil {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) {
		s.FailingChecks = r.Failing
		switch {
		case s.Phase != "": // it is another cluster
		case r.Ready:
			s.Phase = PhaseReady
		default:
			s.Phase = PhaseNotReady
		}
	})
	return nil
}

func (p *prober) identity(m *member.Member) error {
	identity, err := m.Identity(p.ctx)
	if err != nil {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.UID, s.Created = identity.UID, &identity.Created })
	if expected := m.Cluster().UID; expected != "" && expected != identity.UID {
		p.set(func(s *v1alpha1.ClusterStatus) { s.Phase = string(member.ReasonWrongCluster) })
		return &member.Error{Reason: member.ReasonWrongCluster, Err: fmt.Errorf("this cluster's UID is %s; the one that joined the fleet has %s", identity.UID, expected)}
	}
	return nil
}

func (p *prober) nodes(m *member.Member) error {
	count, err := countNodes(p.ctx, m)
	if err != nil {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.Nodes = &count })
	return nil
}

func (p *prober) pods(m *member.Member) error {
	count, known, err := m.Count(p.ctx, member.ListRequest{Resource: member.Pods()})
	if err != nil || !known {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.Pods = &count })
	return nil
}

func (p *prober) usage(m *member.Member) error {
	usage, err := sumUsage(p.ctx, m)
	if err != nil {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.Usage = usage })
	return nil
}

func (p *prober) certificates(m *member.Member) error {
	if expires, known := m.ServingCertificateExpires(); known {
		p.set(func(s *v1alpha1.ClusterStatus) { s.ServingCertificateExpires = &metav1.Time{Time: expires} })
	}
	expires, known, err := m.ClientCertificateExpires(p.ctx)
	if err != nil || !known {
		return err
	}
	p.set(func(s *v1alpha1.ClusterStatus) { s.ClientCertificateExpires = &metav1.Time{Time: expires} })
	return nil
}
