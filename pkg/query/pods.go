package query

import (
	"context"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Pod is a pod and where it is.
type Pod struct {
	Cluster inventory.Cluster
	corev1.Pod
}

// FindPods finds pods in every cluster: those that the request names or selects,
// and those that belong to the workloads and services that it names. They are in
// the order of the clusters, in each as its server sorts them.
func FindPods(ctx context.Context, f Fleet, r Request) ([]Pod, Report) {
	return podsOf(r, ask(ctx, f, func(ctx context.Context, m *member.Member) (*podFinder, error) {
		return findPods(ctx, m, r)
	}))
}

// podsOf puts together what was found in each cluster.
func podsOf(r Request, results fanout.Results[*podFinder]) ([]Pod, Report) {
	report := Report{Asked: len(results), Failures: results.Failures(nil)}
	var pods []Pod
	var clusters []answered
	for _, result := range results {
		if result.Err == nil {
			clusters = append(clusters, answered{cluster: result.Cluster, missing: result.Value.missing})
			pods = append(pods, result.Value.pods...)
		}
	}
	report.Absent = absences(r, clusters)
	return pods, report
}

// findPods finds the pods of one cluster.
func findPods(ctx context.Context, m *member.Member, r Request) (*podFinder, error) {
	found := &podFinder{ctx: ctx, m: m, r: r}
	return found, found.find()
}

// podFinder finds the pods of one cluster.
type podFinder struct {
	ctx     context.Context //nolint:containedctx // lives for one search
	m       *member.Member
	r       Request
	pods    []Pod
	missing []absence
}

func (f *podFinder) find() (err error) {
	if !f.r.Named() {
		f.missing, err = fetch(f.ctx, f.m, f.r, typed, func(a answer[runtime.Object]) error { return f.addList(a.page) })
		return err
	}
	objects := func(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[[]unstructured.Unstructured, error] {
		return m.Objects(ctx, ask)
	}
	f.missing, err = fetch(f.ctx, f.m, f.r, objects, func(a answer[[]unstructured.Unstructured]) error {
		for i := range a.page {
			if err := f.addOf(&a.page[i], a.resource); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func typed(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[runtime.Object, error] {
	return m.Typed(ctx, ask)
}

func (f *podFinder) addList(page runtime.Object) error {
	list, is := page.(*corev1.PodList)
	if !is {
		return &member.Error{Reason: member.ReasonInvalid, Err: fmt.Errorf("a selector selects pods, not a %T", page)}
	}
	for _, pod := range list.Items {
		f.pods = append(f.pods, Pod{Cluster: f.m.Cluster(), Pod: pod})
	}
	return nil
}

// addOf adds the object itself if it is a pod, else the pods that it selects.
func (f *podFinder) addOf(object *unstructured.Unstructured, resource member.Resource) error {
	if resource.GroupKind() == (schema.GroupKind{Kind: "Pod"}) {
		pod := Pod{Cluster: f.m.Cluster()}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod.Pod); err != nil {
			return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
		}
		f.pods = append(f.pods, pod)
		return nil
	}
	selector, err := podSelector(object)
	if err != nil {
		return &member.Error{Reason: member.ReasonInvalid, Err: err}
	}
	pods, err := f.m.Resource(f.ctx, "pods")
	if err != nil {
		return err
	}
	ask := member.ListRequest{Resource: pods, Namespace: object.GetNamespace(), LabelSelector: selector.String(), Limit: f.r.ChunkSize}
	for page, err := range f.m.Typed(f.ctx, ask) {
		if err == nil {
			err = f.addList(page)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// podSelector reads spec.selector: a plain map in the core group (services,
// replication controllers), a label selector everywhere else, custom resources
// included.
func podSelector(object *unstructured.Unstructured) (labels.Selector, error) {
	spec, _, err := unstructured.NestedMap(object.Object, "spec", "selector")
	if err != nil {
		return nil, err
	}
	selector := &metav1.LabelSelector{}
	if object.GroupVersionKind().Group == "" {
		selector.MatchLabels, _, err = unstructured.NestedStringMap(object.Object, "spec", "selector")
	} else {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(spec, selector)
	}
	if err != nil {
		return nil, err
	}
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return nil, fmt.Errorf("%s %q has no selector of pods", object.GetKind(), object.GetName())
	}
	return metav1.LabelSelectorAsSelector(selector)
}
