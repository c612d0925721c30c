package remove

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// What Kurator calls things.
const (
	kuratorGroup     = "cluster.kurator.dev"
	kuratorName      = kuratorGroup + "/cluster-name"
	kuratorNamespace = kuratorGroup + "/cluster-namespace"
	kuratorClusters  = "clusters." + kuratorGroup
)

// place is where the count of a pool is said: in the topmost object, from which it is
// written over whatever is said below.
type place struct {
	object *unstructured.Unstructured
	// typed is the resource of object.
	typed string
	// path of the count, for a JSON patch; empty: by the subresource scale.
	path string
	// entry is the path to the name of what has the count, where it has one.
	entry, name string
}

func (p place) String() string {
	kind := p.object.GetKind()
	if strings.HasSuffix(p.typed, "."+kuratorGroup) {
		kind = "Kurator's " + kind
	}
	return kind + " " + p.object.GetNamespace() + "/" + p.object.GetName()
}

// readKurator reads Kurator's own Cluster, if it made this one.
func (e *estate) readKurator(ctx context.Context, m *member.Member) error {
	name := e.cluster.GetLabels()[kuratorName]
	if name == "" {
		return nil
	}
	r, err := resourceOf(ctx, m, kuratorClusters)
	if err != nil {
		return err
	}
	namespace := e.cluster.GetLabels()[kuratorNamespace]
	if namespace == "" {
		namespace = e.cluster.GetNamespace()
	}
	e.kurator, err = m.Object(ctx, r, namespace, name)
	return err
}

// placeOf finds where the count of a pool is said, and the count.
func (e *estate) placeOf(object *unstructured.Unstructured) (place, int64) {
	if e.kurator != nil {
		// Kurator names them by their place in its list, and applies them anew all the time.
		index, is := strings.CutPrefix(object.GetName(), e.kurator.GetName()+"-md-")
		at, err := strconv.Atoi(index)
		workers, _, _ := unstructured.NestedSlice(e.kurator.Object, "spec", "workers")
		if is && err == nil && at >= 0 && at < len(workers) {
			path := fmt.Sprintf("/spec/workers/%d/replicas", at)
			return place{object: e.kurator, typed: kuratorClusters, path: path}, countIn(workers[at])
		}
	}
	labels := object.GetLabels()
	for list, label := range map[string]string{"machineDeployments": topologyName, "machinePools": topologyPool} {
		name := labels[label]
		if _, owned := labels[topologyOwned]; !owned || name == "" {
			continue
		}
		entries, _, _ := unstructured.NestedSlice(e.cluster.Object, "spec", "topology", "workers", list)
		for i, one := range entries {
			entry, _ := one.(map[string]any)
			// Without a count there the pool's own counts: an autoscaler's, mostly.
			if _, has := entry["replicas"]; entry["name"] == name && has {
				path := fmt.Sprintf("/spec/topology/workers/%s/%d", list, i)
				return place{object: e.cluster, typed: "clusters." + capiGroup, path: path + "/replicas", entry: path + "/name", name: name}, countIn(one)
			}
		}
	}
	return place{object: object, typed: strings.ToLower(object.GetKind()) + "s." + capiGroup}, number(object, "spec", "replicas")
}

func countIn(entry any) int64 {
	fields, _ := entry.(map[string]any)
	n, _, _ := unstructured.NestedInt64(fields, "replicas")
	return n
}

// set changes the count, if it is still the one that was read, from. Otherwise it is
// an error for which changed is true, and nothing was written.
func (p place) set(ctx context.Context, m *member.Member, from, to int64) error {
	r, err := m.Resource(ctx, p.typed)
	if err != nil {
		return err
	}
	if p.path == "" {
		return m.Scale(ctx, r, p.object, int32(to)) //nolint:gosec // it came from an int32
	}
	patch := []member.PatchOperation{{Op: "test", Path: "/metadata/uid", Value: p.object.GetUID()}}
	if p.entry != "" {
		patch = append(patch, member.PatchOperation{Op: "test", Path: p.entry, Value: p.name})
	}
	return m.JSONPatch(ctx, r, p.object.GetNamespace(), p.object.GetName(), append(patch,
		member.PatchOperation{Op: "test", Path: p.path, Value: from}, member.PatchOperation{Op: "replace", Path: p.path, Value: to}))
}

// refused is true for the error of something that was not written for certain: we,
// or the server, said no. Of other errors one cannot know.
func refused(err error) bool {
	if _, is := errors.AsType[*ChangedError](err); is {
		return true
	}
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest && status.Status().Code < http.StatusInternalServerError
}

// changed is true for the error of a write that was refused since the object is not
// as it was read.
func changed(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsInvalid(err)
}
