package velero

import (
	"context"
	"slices"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Types are the types of a cluster that Backups are of: each once, without those that are
// no objects of anybody's.
func Types(ctx context.Context, m *member.Member) ([]member.Resource, error) {
	all, err := m.ListableTypes(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[schema.GroupResource]bool{}
	return slices.DeleteFunc(all, func(r member.Resource) bool {
		again := seen[r.GroupResource()]
		seen[r.GroupResource()] = true
		return again || slices.Contains(passing(), r.GroupResource().String()) || r.Group == "metrics.k8s.io" || r.Group == velerov1.SchemeGroupVersion.Group
	}), nil
}

// passing are types whose objects come and go by themselves.
func passing() []string {
	return []string{"events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io", "componentstatuses", "leases.coordination.k8s.io"}
}
