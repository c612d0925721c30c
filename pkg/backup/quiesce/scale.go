package quiesce

import (
	"context"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// scale is a workload that has fewer pods for a while. Count and annotation are of one write, which the subresource for scaling does
// not offer.
type scale struct {
	member   *member.Member
	action   v1alpha1.ScaleAction
	resource member.Resource
}

func newScale(r Run, m *member.Member, a v1alpha1.ScaleAction, timeout time.Duration) (action, error) {
	s := scale{member: m, action: a, resource: member.Resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "apps", Version: "v1"}, Kind: a.Kind, Namespaced: true,
	}}
	switch a.Kind {
	case "Deployment":
		s.resource.GroupVersionResource.Resource = "deployments"
	case "StatefulSet":
		s.resource.GroupVersionResource.Resource = "statefulsets"
	case "ReplicaSet":
		s.resource.GroupVersionResource.Resource = "replicasets"
	default:
		return nil, fmt.Errorf("a %s cannot be scaled here: it is to be a Deployment, a StatefulSet or a ReplicaSet", a.Kind)
	}
	return object{
		run: r, member: m, timeout: timeout, namespace: a.Namespace, name: a.Name,
		resource: func(context.Context) (member.Resource, error) { return s.resource, nil },
		frozen:   map[string]any{"spec": map[string]any{"replicas": int64(a.To)}},
		admit:    s.unscaled, awaits: s.left,
	}, nil
}

// unscaled is an error if a HorizontalPodAutoscaler would undo it.
func (s scale) unscaled(ctx context.Context, _ *unstructured.Unstructured) error {
	autoscalers := member.Resource{
		GroupVersionResource: schema.GroupVersionResource{Group: autoscalingv2.GroupName, Version: "v2", Resource: "horizontalpodautoscalers"},
		Kind:                 "HorizontalPodAutoscaler", Namespaced: true,
	}
	for page, err := range s.member.Objects(ctx, member.ListRequest{Resource: autoscalers, Namespace: s.action.Namespace, Limit: 500}) {
		if err != nil {
			return err
		}
		for i := range page {
			var h autoscalingv2.HorizontalPodAutoscaler
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(page[i].Object, &h); err != nil {
				return err
			}
			if target := h.Spec.ScaleTargetRef; target.Kind == s.action.Kind && target.Name == s.action.Name {
				return &member.Error{Reason: member.ReasonRefused, Err: remedied("hold it by exec, or take the autoscaler away for the time", "HorizontalPodAutoscaler %s would scale %s %s up again", h.Name, target.Kind, target.Name)}
			}
		}
	}
	return nil
}

// left is what is over the count: a pod that is about to go may still write.
func (s scale) left(ctx context.Context, now *unstructured.Unstructured) (string, error) {
	fields, _, err := unstructured.NestedMap(now.Object, "spec", "selector")
	if err != nil {
		return "", err
	}
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &selector); err != nil {
		return "", err
	}
	labels, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", err
	}
	pods, err := podsOf(ctx, s.member, s.action.Namespace, labels.String())
	if err != nil {
		return "", err
	}
	var run []string
	for i := range pods {
		if phase := pods[i].Status.Phase; phase != corev1.PodSucceeded && phase != corev1.PodFailed {
			run = append(run, pods[i].Name)
		}
	}
	if over := len(run) - int(s.action.To); over > 0 {
		return fmt.Sprintf("%d pods of it to go, such as %s", over, run[0]), nil
	}
	return "", nil
}
