// Package capacity asks clusters what room they have for a workload, and which
// workloads are scaled by somebody else.
package capacity

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	resourcehelper "k8s.io/component-helpers/resource"
	corev1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// Free is what one cluster has, and what its pods request.
type Free struct {
	nodes []corev1.Node // without status but for what is allocatable
	pods  []pod
}

// pod is one that holds capacity of a node.
type pod struct {
	node, namespace string
	labels          labels.Set
	requests        corev1.ResourceList
}

const (
	pageSize = 500
	// onANode selects the pods that hold capacity: bound to a node, not ended.
	onANode = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
)

// Read reads the nodes of a cluster that take pods, and all pods on nodes.
func Read(ctx context.Context, m *member.Member) (*Free, error) {
	free := &Free{}
	for object, err := range m.Typed(ctx, member.ListRequest{Resource: member.Nodes(), Limit: pageSize}) {
		if err != nil {
			return nil, err
		}
		list, is := object.(*corev1.NodeList)
		if !is {
			return nil, unexpected(object)
		}
		for i := range list.Items {
			if n := &list.Items[i]; !n.Spec.Unschedulable && isReady(n) {
				free.nodes = append(free.nodes, corev1.Node{
					ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}, Spec: corev1.NodeSpec{Taints: n.Spec.Taints},
					Status: corev1.NodeStatus{Allocatable: n.Status.Allocatable},
				})
			}
		}
	}
	for object, err := range m.Typed(ctx, member.ListRequest{Resource: member.Pods(), FieldSelector: onANode, Limit: pageSize}) {
		if err != nil {
			return nil, err
		}
		list, is := object.(*corev1.PodList)
		if !is {
			return nil, unexpected(object)
		}
		for i := range list.Items {
			p := &list.Items[i]
			free.pods = append(free.pods, pod{p.Spec.NodeName, p.Namespace, p.Labels, resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})})
		}
	}
	return free, nil
}

func unexpected(object any) error {
	return &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("unexpected %T in a list", object)}
}

func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Fits is how many pods of a workload have room, those that it has already
// included: what is asked again is answered as before. Resources, cordons,
// taints, node selectors and required node affinity are looked at; what pods want
// of one another, ports and volumes are not.
func (f *Free) Fits(namespace string, selector labels.Selector, template corev1.PodTemplateSpec) (int64, error) {
	one := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: *template.Spec.DeepCopy()}
	limitsAreRequests(&one.Spec)
	affinity := nodeaffinity.GetRequiredNodeAffinity(one)
	at := map[string]int{}
	var nodes []weight.NodeFree
	for i := range f.nodes {
		n := &f.nodes[i]
		matches, err := affinity.Match(n)
		if err != nil {
			return 0, err
		}
		if _, repels := corev1helper.FindMatchingUntoleratedTaint(klog.Logger{}, n.Spec.Taints, one.Spec.Tolerations, forbids, false); !matches || repels {
			continue
		}
		at[n.Name] = len(nodes)
		nodes = append(nodes, weight.NodeFree{Allocatable: n.Status.Allocatable, Requested: corev1.ResourceList{}})
	}
	for _, p := range f.pods {
		i, counts := at[p.node]
		if !counts || p.namespace == namespace && selector.Matches(p.labels) {
			continue
		}
		for name, quantity := range p.requests {
			add(nodes[i].Requested, name, quantity)
		}
		add(nodes[i].Requested, corev1.ResourcePods, *resource.NewQuantity(1, resource.DecimalSI))
	}
	return weight.Fits(nodes, resourcehelper.PodRequests(one, resourcehelper.PodResourcesOptions{})), nil
}

func add(to corev1.ResourceList, name corev1.ResourceName, quantity resource.Quantity) {
	sum := to[name]
	sum.Add(quantity)
	to[name] = sum
}

// forbids says of a taint that it keeps pods away, and is no mere wish.
func forbids(t *corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule }

// limitsAreRequests gives containers that have limits alone the same requests, as
// the API server does.
func limitsAreRequests(spec *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			r := &containers[i].Resources
			for name, limit := range r.Limits {
				if _, has := r.Requests[name]; !has {
					if r.Requests == nil {
						r.Requests = corev1.ResourceList{}
					}
					r.Requests[name] = limit
				}
			}
		}
	}
}
