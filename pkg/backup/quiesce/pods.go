package quiesce

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// plan finds the container in every running pod of the selector. One that could not be held is an error: held in part is not held.
func (c container) plan(ctx context.Context) ([]v1alpha1.Hold, error) {
	a := c.action
	pods, err := podsOf(ctx, c.member, a.Namespace, a.Selector)
	if err != nil {
		return nil, err
	}
	var holds []v1alpha1.Hold
	for i := range pods {
		p := &pods[i]
		if p.Status.Phase != corev1.PodRunning {
			continue
		}
		if p.DeletionTimestamp != nil {
			return nil, remedied("try again when it has gone", "pod %s/%s is about to go", p.Namespace, p.Name)
		}
		name := cmp.Or(a.Container, p.Spec.Containers[0].Name)
		if !hasContainer(p, name) {
			var names []string
			for _, has := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers) {
				names = append(names, has.Name)
			}
			return nil, remedied("name one of its containers: "+strings.Join(names, ", "), "pod %s/%s has no container %q", p.Namespace, p.Name, name)
		}
		status, err := runs(p, name)
		if err != nil {
			return nil, remedied("try again when it runs: kubectl describe pod says why it does not", "%w", err)
		}
		holds = append(holds, v1alpha1.Hold{
			Namespace: p.Namespace, Name: p.Name, UID: p.UID,
			Container: name, ContainerID: status.ContainerID, Restarts: status.RestartCount,
		})
	}
	if len(holds) == 0 {
		return nil, remedied("mend its namespace or selector, or say with its clusters where it is meant for", "no pod of namespace %s runs that %q selects", a.Namespace, a.Selector)
	}
	return holds, nil
}

// Whole is a *BrokenError if a pod runs by now that the policy selects, and that none of the holds is of: it may have written while all
// else was still.
func (r Run) Whole(ctx context.Context, m *member.Member, holds []v1alpha1.Hold) error {
	for w, wave := range r.Policy.Spec.Quiesce {
		for i, a := range wave.Actions {
			of := func(uid types.UID) bool {
				return slices.ContainsFunc(holds, func(h v1alpha1.Hold) bool { return h.Wave == w && h.Action == i && h.UID == uid })
			}
			if a.Exec == nil || !isFor(a, m) {
				continue
			}
			pods, err := podsOf(ctx, m, a.Exec.Namespace, a.Exec.Selector)
			if err != nil {
				return err
			}
			for k := range pods {
				if p := &pods[k]; p.Status.Phase == corev1.PodRunning && !of(p.UID) {
					return &BrokenError{fmt.Sprintf("pod %s/%s", p.Namespace, p.Name), "it has come since"}
				}
			}
		}
	}
	return nil
}

func hasContainer(p *corev1.Pod, name string) bool {
	return slices.ContainsFunc(slices.Concat(p.Spec.Containers, p.Spec.InitContainers), func(c corev1.Container) bool { return c.Name == name })
}

// podsOf lists pods in the order of their names.
func podsOf(ctx context.Context, m *member.Member, namespace, selector string) ([]corev1.Pod, error) {
	var pods []corev1.Pod
	for page, err := range m.Typed(ctx, member.ListRequest{Resource: member.Pods(), Namespace: namespace, LabelSelector: selector, Limit: 500}) {
		if err != nil {
			return nil, err
		}
		list, is := page.(*corev1.PodList)
		if !is {
			return nil, fmt.Errorf("a list of pods is %T", page)
		}
		pods = append(pods, list.Items...)
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods, nil
}

func asPod(object *unstructured.Unstructured) (*corev1.Pod, error) {
	p := &corev1.Pod{}
	return p, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, p)
}
