package query

import (
	"context"
	"errors"
	"slices"

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

// Objects asks every cluster for whole objects and hands them to take: cluster
// by cluster in the order asked, or sorted over all clusters. Unsorted, objects
// are handed over as they come, all clusters are read at once, each a few pages
// ahead of its turn, and memory does not grow with the answer. An error of take
// ends everything and is returned.
func Objects(ctx context.Context, f Fleet, r Request, take func(Object) error) (Report, error) {
	if r.SortBy == "" {
		return streamObjects(ctx, f, r, take)
	}
	sorter, err := newSorter(r.SortBy)
	if err != nil {
		return Report{}, err
	}
	type keyed struct {
		Object
		key sortKey
	}
	var all []keyed
	unsorted := r
	unsorted.SortBy, unsorted.Limit = "", 0
	report, err := streamObjects(ctx, f, unsorted, func(o Object) error {
		all = append(all, keyed{o, sorter.key(o.Unstructured.Object)})
		return nil
	})
	if err != nil {
		return report, err
	}
	keys := func(yield func(sortKey) bool) {
		for _, o := range all {
			if !yield(o.key) {
				return
			}
		}
	}
	if absent := noField(r, f, keys); len(absent) > 0 {
		report.Shown, report.Absent = 0, append(report.Absent, absent...)
		return report, nil
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return a.key.compare(b.key) })
	if r.Limit > 0 && len(all) > r.Limit {
		all, report.Limited = all[:r.Limit], true
	}
	report.Shown = len(all)
	for _, o := range all {
		if err := take(o.Object); err != nil {
			return report, err
		}
	}
	return report, nil
}

func streamObjects(ctx context.Context, f Fleet, r Request, take func(Object) error) (Report, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(errStopped)

	waiting := newBudget(readAheadBytes)
	readers := make([]*objectReader, len(f.Clusters))
	byName := make(map[string]*objectReader, len(f.Clusters)) // names are unique, see inventory.ValidateNames
	for i, c := range f.Clusters {
		readers[i] = &objectReader{index: i, request: r, budget: waiting, pages: make(chan answer[member.RawPage], readAheadPages)}
		byName[c.Name] = readers[i]
	}
	var results fanout.Results[*objectReader]
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		results = fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*objectReader, error) {
			reader := byName[c.Name]
			return reader, reader.read(ctx, c, f.Members)
		})
	}()

	var report Report
	for i, c := range f.Clusters {
		waiting.turn(i)
		err := readers[i].drain(c.Name, ended, func(o Object) error {
			if r.Limit > 0 && report.Shown >= r.Limit {
				report.Limited = true
				return errEnough
			}
			report.Shown++
			return take(o)
		})
		if errors.Is(err, errEnough) {
			stop(errEnough)
			break
		}
		if err != nil {
			stop(errStopped)
			<-ended
			return Report{}, err
		}
	}
	<-ended

	report.Asked = len(results)
	var clusters []answered
	for _, result := range results {
		switch {
		case result.Value != nil && result.Value.broken != nil:
			report.Failures = append(report.Failures, fanout.Failure{Cluster: result.Cluster.Name, Inventory: result.Cluster.Provider, Err: result.Value.broken, Rows: result.Value.shown})
		case result.Err == nil:
			clusters = append(clusters, answered{cluster: result.Cluster, missing: result.Value.missing})
		case errors.Is(result.Err, errEnough): // we ended it: it did not fail
		default:
			report.Failures = append(report.Failures, fanout.Failure{Cluster: result.Cluster.Name, Inventory: result.Cluster.Provider, Err: result.Err, Rows: result.Value.count()})
		}
	}
	report.Absent = absences(r, clusters)
	return report, nil
}

// annotate marks the object with where it comes from and drops its managed
// fields, as kubectl get does, unless they are wanted.
func (r Request) annotate(object *unstructured.Unstructured, cluster string) {
	if !r.ManagedFields {
		object.SetManagedFields(nil)
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.ClusterAnnotation] = cluster
	object.SetAnnotations(annotations)
}
