package query

import (
	"context"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// ownerOf is the workload that an object belongs to: its controller, or itself.
// A pod that a node controls is a static one, and its own.
func ownerOf(object *metav1.ObjectMeta, kind schema.GroupVersionKind) workload {
	own := workload{GroupVersionKind: kind, namespace: object.Namespace, name: object.Name}
	controller := metav1.GetControllerOfNoCopy(object)
	if controller == nil || controller.Kind == member.Nodes().Kind {
		return own
	}
	return workload{GroupVersionKind: schema.FromAPIVersionAndKind(controller.APIVersion, controller.Kind), namespace: object.Namespace, name: controller.Name}
}

// between are the kinds that stand between a pod and what people know: their
// controllers are looked up.
func between() map[schema.GroupKind]string {
	return map[schema.GroupKind]string{
		{Group: "apps", Kind: "ReplicaSet"}: "replicasets.apps",
		{Group: "batch", Kind: "Job"}:       "jobs.batch",
	}
}

// climb gives what ReplicaSets and Jobs use to the Deployments and CronJobs
// that they belong to. Only where there are such is anything asked.
func (s *finder) climb(ctx context.Context, all imageUses) error {
	kinds := between()
	var types []string
	for w := range all {
		if t := kinds[w.GroupKind()]; t != "" && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return nil
	}
	slices.Sort(types)
	owners := make([]map[workload]workload, len(types))
	left, err := eachType(ctx, s.m, types, true, func(ctx context.Context, i int, resource member.Resource) error {
		owners[i] = map[workload]workload{}
		kind := resource.GroupVersion().WithKind(resource.Kind)
		ask := member.ListRequest{Resource: resource, Namespace: s.r.Namespace, Limit: DefaultChunkSize}
		for page, err := range s.m.Metadata(ctx, ask) {
			if err != nil {
				return err
			}
			for j := range page {
				self := workload{GroupVersionKind: kind, namespace: page[j].Namespace, name: page[j].Name}
				if owner := ownerOf(&page[j].ObjectMeta, kind); all[self] != nil && owner != self {
					owners[i][self] = owner
				}
			}
		}
		return nil
	})
	maps.Copy(s.left, left)
	for _, of := range owners {
		for self, owner := range of {
			all.join(imageUses{owner: all[self]})
			delete(all, self)
		}
	}
	return err
}
