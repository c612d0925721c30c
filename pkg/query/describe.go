package query

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubectl/pkg/describe"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Description is what kubectl describe says of one object of one cluster.
type Description struct {
	// Cluster is the member name.
	Cluster string
	Text    string
}

// Describe asks every cluster for the one object that the request names, and
// describes it as kubectl does, with its events unless they are not wanted.
func Describe(ctx context.Context, f Fleet, r Request, events bool) ([]Description, Report) {
	settings := describe.DescriberSettings{ShowEvents: events, ChunkSize: r.ChunkSize}
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (*described, error) {
		d := &described{}
		resource, err := m.Resource(ctx, r.Items[0].Type)
		if err == nil {
			err = d.describe(ctx, m, resource, r, settings)
		}
		if err != nil && member.ReasonOf(err) == member.ReasonNotFound && !member.IsObjectNotFound(err) {
			// Not where discovery said; see fetch.
			if resource, err = m.ResourceNow(ctx, r.Items[0].Type); err == nil {
				err = d.describe(ctx, m, resource, r, settings)
			}
		}
		switch {
		case isNotInstalled(err):
			d.missing = []absence{{}}
			return d, nil
		case member.IsObjectNotFound(err):
			d.missing = []absence{{name: r.Items[0].Names[0]}}
			return d, nil
		}
		return d, err
	})
	report := Report{Asked: len(results), Failures: results.Failures(nil)}
	var descriptions []Description
	var clusters []answered
	for _, result := range results {
		if result.Err != nil {
			continue
		}
		clusters = append(clusters, answered{cluster: result.Cluster, missing: result.Value.missing})
		if len(result.Value.missing) == 0 {
			descriptions = append(descriptions, Description{Cluster: result.Cluster.Name, Text: result.Value.text})
		}
	}
	report.Absent = absences(r, clusters)
	report.Shown = len(descriptions)
	return descriptions, report
}

// described is what one cluster gave.
type described struct {
	text    string
	missing []absence
}

func (d *described) describe(ctx context.Context, m *member.Member, resource member.Resource, r Request, settings describe.DescriberSettings) error {
	ask := r.listRequests(r.Items[0], resource, m.Cluster().Namespace)[0]
	way := m.Library(ctx)
	describer, known := describe.DescriberFor(resource.GroupKind(), way.Config)
	if !known {
		mapping := &meta.RESTMapping{
			Resource:         resource.GroupVersionResource,
			GroupVersionKind: schema.GroupVersionKind{Group: resource.Group, Version: resource.Version, Kind: resource.Kind},
			Scope:            meta.RESTScopeNamespace, // the generic describer looks at the namespace alone
		}
		describer, known = describe.GenericDescriberFor(mapping, way.Config)
	}
	if !known {
		return &member.NotInstalledError{Type: resource.Kind}
	}
	text, err := describer.Describe(ask.Namespace, ask.Name, settings)
	d.text = text
	return way.Explain(err)
}
