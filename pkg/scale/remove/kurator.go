package remove

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// customMachines is the type in which Kurator has the machines of its CustomClusters.
const customMachines = "custommachines.infrastructure." + capiGroup

// custom finds nodes of Kurator's CustomClusters, which are on machines that it
// reaches by SSH. It forgets, without undoing it, a machine that leaves its list while
// it works on another: such nodes are refused.
func (r *ClusterAPI) custom(ctx context.Context, nodes []*corev1.Node) (map[string]v1alpha1.Blocker, error) {
	found := map[string]v1alpha1.Blocker{}
	if !r.Kurator || r.Management == r.Member { // it never manages the cluster that it runs in
		return found, nil
	}
	resource, err := r.Management.Resource(ctx, customMachines)
	if member.ReasonOf(err) == member.ReasonNotInstalled {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	objects, err := list(ctx, r.Management, member.ListRequest{Resource: resource})
	if err != nil {
		return nil, err
	}
	kept := map[string]string{}
	for _, o := range objects {
		entries, _, _ := unstructured.NestedSlice(o.Object, "spec", "node")
		for _, one := range entries {
			entry, _ := one.(map[string]any)
			if name, is := entry["hostName"].(string); is {
				kept[name] = "CustomMachine " + o.GetNamespace() + "/" + o.GetName()
			}
		}
	}
	for _, n := range nodes {
		if object, is := kept[n.Name]; is && n.Annotations[clusterOf] == "" {
			found[n.Name] = v1alpha1.Blocker{
				Reason: "CustomCluster", Object: object, Message: "Kurator keeps it in a CustomCluster, and these are not supported yet",
				Fix: "empty the node with --keep-nodes, then take it out of spec.node, one change at a time and none while Kurator scales",
			}
		}
	}
	return found, nil
}
