package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// countNodes counts nodes by the STATUS that the server prints, "Ready" or
// "Ready,SchedulingDisabled": a twentieth of the bytes of the nodes themselves,
// which carry their lists of images.
func countNodes(ctx context.Context, m *member.Member) (v1alpha1.NodeCount, error) {
	var count v1alpha1.NodeCount
	ask := member.ListRequest{Resource: member.Nodes(), Limit: DefaultChunkSize}
	status := -1
	for table, err := range m.Tables(ctx, ask, metav1.IncludeNone) {
		if err != nil {
			return count, err
		}
		if status < 0 {
			status = slices.IndexFunc(table.ColumnDefinitions, func(c metav1.TableColumnDefinition) bool { return c.Name == "Status" })
			if status < 0 {
				return count, &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("the server's table of nodes has no column Status")}
			}
		}
		for _, row := range table.Rows {
			count.Total++
			if status >= len(row.Cells) {
				continue
			}
			if condition, _, _ := strings.Cut(fmt.Sprint(row.Cells[status]), ","); condition == "Ready" {
				count.Ready++
			}
		}
	}
	return count, nil
}

// onANode selects the pods that hold capacity: bound to a node, not ended.
const onANode = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"

// sumUsage adds up what nodes can give and what pods on them request, by the
// scheduler's own rules for a pod's request.
func sumUsage(ctx context.Context, m *member.Member) (*v1alpha1.Usage, error) {
	var cpu, memory, cpuAsked, memoryAsked resource.Quantity
	for object, err := range m.Typed(ctx, member.ListRequest{Resource: member.Nodes(), Limit: DefaultChunkSize}) {
		if err != nil {
			return nil, err
		}
		nodes, is := object.(*corev1.NodeList)
		if !is {
			return nil, unexpected(object)
		}
		for i := range nodes.Items {
			cpu.Add(*nodes.Items[i].Status.Allocatable.Cpu())
			memory.Add(*nodes.Items[i].Status.Allocatable.Memory())
		}
	}
	for object, err := range m.Typed(ctx, member.ListRequest{Resource: member.Pods(), FieldSelector: onANode, Limit: DefaultChunkSize}) {
		if err != nil {
			return nil, err
		}
		pods, is := object.(*corev1.PodList)
		if !is {
			return nil, unexpected(object)
		}
		for i := range pods.Items {
			requests := resourcehelper.PodRequests(&pods.Items[i], resourcehelper.PodResourcesOptions{})
			cpuAsked.Add(*requests.Cpu())
			memoryAsked.Add(*requests.Memory())
		}
	}
	return &v1alpha1.Usage{
		CPU:    v1alpha1.Share{Requested: cpuAsked.String(), Allocatable: cpu.String()},
		Memory: v1alpha1.Share{Requested: memoryAsked.String(), Allocatable: memory.String()},
	}, nil
}

func unexpected(object any) error {
	return &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("unexpected %T in a list", object)}
}
