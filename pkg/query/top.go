package query

import (
	"context"
	"errors"
	"fmt"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// TopRequest is whose usage is asked for.
type TopRequest struct {
	// Pods, or else nodes.
	Pods bool
	// Namespace of pods; empty: that of each cluster's own context.
	Namespace     string
	AllNamespaces bool
	LabelSelector string
	// SortBy is empty for the order of clusters and names, or cpu or memory: the
	// largest of all clusters first.
	SortBy corev1.ResourceName
}

// Consumer is a node or pod and what it uses.
type Consumer struct {
	Cluster, Namespace, Name string
	CPU, Memory              resource.Quantity
	// Allocatable is what a node can give; nil if that is not known.
	Allocatable corev1.ResourceList
}

// Top asks every cluster's metrics API what nodes or pods use now. A cluster
// without one fails with ReasonNotInstalled.
func Top(ctx context.Context, f Fleet, r TopRequest) ([]Consumer, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (consumption, error) {
		c, err := consumersOf(ctx, m, r)
		if n := len(c.consumers); err != nil && n > 0 {
			err = member.Incomplete(n, err)
		}
		return c, err
	})
	var all []Consumer
	var open []string
	for _, result := range results {
		all = append(all, result.Value.consumers...)
		if result.Value.open {
			open = append(open, result.Cluster.Name)
		}
	}
	switch r.SortBy {
	case corev1.ResourceCPU:
		sort.SliceStable(all, func(i, j int) bool { return all[j].CPU.Cmp(all[i].CPU) < 0 })
	case corev1.ResourceMemory:
		sort.SliceStable(all, func(i, j int) bool { return all[j].Memory.Cmp(all[i].Memory) < 0 })
	default: // the order of clusters, and of names in each
	}
	report := Report{Asked: len(results), Shown: len(all), Failures: results.Failures(func(c consumption) int { return len(c.consumers) })}
	if len(open) > 0 {
		report.Absent = []Absence{{Err: ErrNoShares, Clusters: open}}
	}
	return all, report
}

// ErrNoShares is what somebody does not see who may read what nodes use, and not
// the nodes.
var ErrNoShares = errors.New("how much that is of what the nodes can give is not known, since you may not list nodes")

// consumption is what one cluster's nodes or pods use.
type consumption struct {
	consumers []Consumer
	// open: what the nodes can give may not be read.
	open bool
}

func consumersOf(ctx context.Context, m *member.Member, r TopRequest) (c consumption, err error) {
	typed := "nodes.metrics.k8s.io"
	if r.Pods {
		typed = "pods.metrics.k8s.io"
	}
	found, err := m.Resource(ctx, typed)
	if isNotInstalled(err) {
		return c, &member.Error{Reason: member.ReasonNotInstalled, Err: errors.New("the cluster has no metrics API: nothing serves metrics.k8s.io")}
	}
	if err != nil {
		return c, err
	}
	ask := Request{Namespace: r.Namespace, AllNamespaces: r.AllNamespaces, LabelSelector: r.LabelSelector, ChunkSize: DefaultChunkSize}.
		listRequests(Item{}, found, m.Cluster().Namespace)[0]
	for page, err := range m.Objects(ctx, ask) {
		if err != nil {
			return c, err
		}
		for i := range page {
			one := Consumer{Cluster: m.Cluster().Name, Namespace: page[i].GetNamespace(), Name: page[i].GetName()}
			if err := one.sum(page[i].Object); err != nil {
				return c, &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("metrics of %s: %w", one.Name, err)}
			}
			c.consumers = append(c.consumers, one)
		}
	}
	if r.Pods || len(c.consumers) == 0 {
		return c, nil
	}
	err = addAllocatable(ctx, m, ask.LabelSelector, c.consumers)
	if err != nil && member.ReasonOf(err) == member.ReasonForbidden {
		c.open, err = true, nil
	}
	return c, err
}

// sum adds up a node's usage, or that of a pod's containers.
func (c *Consumer) sum(metrics map[string]any) error {
	usages := []any{metrics}
	if containers, is, err := unstructured.NestedSlice(metrics, "containers"); err != nil {
		return err
	} else if is {
		usages = containers
	}
	for _, usage := range usages {
		of, is := usage.(map[string]any)
		if !is {
			return fmt.Errorf("a container is a %T", usage)
		}
		for name, total := range map[corev1.ResourceName]*resource.Quantity{corev1.ResourceCPU: &c.CPU, corev1.ResourceMemory: &c.Memory} {
			text, is, err := unstructured.NestedString(of, "usage", string(name))
			if err != nil {
				return err
			}
			if !is {
				continue
			}
			quantity, err := resource.ParseQuantity(text)
			if err != nil {
				return fmt.Errorf("%s %q: %w", name, text, err)
			}
			total.Add(quantity)
		}
	}
	return nil
}

// addAllocatable says what the nodes can give.
func addAllocatable(ctx context.Context, m *member.Member, selector string, consumers []Consumer) error {
	allocatable := map[string]corev1.ResourceList{}
	for object, err := range m.Typed(ctx, member.ListRequest{Resource: member.Nodes(), LabelSelector: selector, Limit: DefaultChunkSize}) {
		if err != nil {
			return err
		}
		nodes, is := object.(*corev1.NodeList)
		if !is {
			return unexpected(object)
		}
		for i := range nodes.Items {
			allocatable[nodes.Items[i].Name] = nodes.Items[i].Status.Allocatable
		}
	}
	for i := range consumers {
		consumers[i].Allocatable = allocatable[consumers[i].Name]
	}
	return nil
}
