package query

import (
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Object is one object of one cluster.
type Object struct {
	// Cluster is the member name; the object is annotated with it, too.
	Cluster  string
	Resource member.Resource
	*unstructured.Unstructured
}

// readAhead is how many pages of one cluster wait for their turn. It bounds
// memory whatever the size of the answer.
const readAhead = 2

// Objects asks every cluster for whole objects and hands them to take as they
// come, cluster by cluster in the order asked. All clusters are read at once,
// each a few pages ahead of its turn. An error of take ends everything and is
// returned.
func Objects(ctx context.Context, f Fleet, r Request, take func(Object) error) (Report, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(errStopped)

	readers := make([]*objectReader, len(f.Clusters))
	turns := make(map[string]*objectReader, len(f.Clusters)) // names are unique, see inventory.ValidateNames
	for i, c := range f.Clusters {
		readers[i] = &objectReader{pages: make(chan answer[[]unstructured.Unstructured], readAhead)}
		turns[c.Name] = readers[i]
	}
	var results fanout.Results[*objectReader]
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		results = fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*objectReader, error) {
			reader := turns[c.Name]
			return reader, reader.read(ctx, c, f.Members, r)
		})
	}()

	for i, c := range f.Clusters {
		if err := readers[i].drain(c.Name, ended, take); err != nil {
			stop(errStopped)
			<-ended
			return Report{}, err
		}
	}
	<-ended

	report := Report{Asked: len(results), Failures: results.Failures((*objectReader).count)}
	var clusters []answered
	for _, result := range results {
		if result.Err == nil {
			clusters = append(clusters, answered{cluster: result.Cluster, missing: result.Value.missing})
		}
	}
	report.Absent = absences(r, clusters)
	return report, nil
}

// objectReader reads one cluster ahead of its turn.
type objectReader struct {
	pages   chan answer[[]unstructured.Unstructured]
	missing []absence
	objects int
}

func (o *objectReader) count() int {
	if o == nil {
		return 0
	}
	return o.objects
}

func (o *objectReader) read(ctx context.Context, c inventory.Cluster, members *member.Pool, r Request) (err error) {
	defer close(o.pages) // whatever happens: the reader in front of it waits for this
	m, err := members.Member(ctx, c)
	if err != nil {
		return err
	}
	list := func(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[[]unstructured.Unstructured, error] {
		return m.Objects(ctx, ask)
	}
	o.missing, err = fetch(ctx, m, r, list, func(page answer[[]unstructured.Unstructured]) error {
		for i := range page.page {
			annotate(&page.page[i], c.Name) // first of all: what it drops need not wait
		}
		select {
		case o.pages <- page:
			o.objects += len(page.page)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if err != nil && o.objects > 0 {
		return member.Incomplete(o.objects, err)
	}
	return err
}

// drain hands over the cluster's objects until it has no more. ended closes
// when no cluster is read any longer, one that was skipped included.
func (o *objectReader) drain(cluster string, ended <-chan struct{}, take func(Object) error) error {
	for {
		var page answer[[]unstructured.Unstructured]
		var more bool
		select {
		case page, more = <-o.pages:
		case <-ended:
			select {
			case page, more = <-o.pages: // what was sent before the end
			default:
			}
		}
		if !more {
			return nil
		}
		for i := range page.page {
			if err := take(Object{Cluster: cluster, Resource: page.resource, Unstructured: &page.page[i]}); err != nil {
				return err
			}
		}
	}
}

// annotate marks the object with where it comes from and drops its managed
// fields, as kubectl get does.
func annotate(object *unstructured.Unstructured, cluster string) {
	object.SetManagedFields(nil)
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.ClusterAnnotation] = cluster
	object.SetAnnotations(annotations)
}
