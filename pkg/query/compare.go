package query

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
)

// Compare asks every cluster for the one object that the request names and
// compares the copies. A comparison without groups has nothing to compare: no
// cluster that answered has the object.
func Compare(ctx context.Context, f Fleet, r Request, o drift.Options) (v1alpha1.Comparison, Report, error) {
	c := v1alpha1.Comparison{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ComparisonKind}}
	var copies []drift.Copy
	var namespaces []string
	report, err := Objects(ctx, f, r, func(object Object) error {
		copies = append(copies, drift.Copy{Cluster: object.Cluster, Object: drift.Normal(object.Unstructured, o)})
		namespaces = append(namespaces, object.GetNamespace())
		c.Name = object.GetName()
		c.Object = v1alpha1.ComparedObject{Group: object.Resource.Group, Kind: object.Resource.Kind}
		return nil
	})
	if err != nil || len(copies) == 0 {
		return c, report, err
	}
	if namespaces = slices.Compact(namespaces); len(namespaces) == 1 {
		c.Namespace = namespaces[0]
	}
	c.Groups = drift.Groups(copies, absent(report))
	c.Agree = len(c.Groups) == 1
	return c, report, nil
}

// absent lists the clusters that answered and do not have the one object asked
// for, those without its type included.
func absent(report Report) []string {
	var clusters []string
	for _, a := range report.Absent {
		for _, c := range a.Clusters {
			if !slices.Contains(clusters, c) {
				clusters = append(clusters, c)
			}
		}
	}
	return clusters
}
