package hub

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

const (
	bindingLabel        = "resourcebinding.karmada.io/permanent-id"
	clusterBindingLabel = "clusterresourcebinding.karmada.io/permanent-id"
	// generationAnnotation is on the manifest of a Work: the template's generation
	// that it was made from.
	generationAnnotation = "resourcetemplate.karmada.io/generation"
	executionPrefix      = "karmada-es-"

	// fresh is how long a look at the hub is good for: the clusters of a wave are
	// waited for side by side, and ask the same.
	fresh = 150 * time.Millisecond
	// labelValues is how many values a label selector names, so that the request's
	// address stays short.
	labelValues = 100
)

// binding is a ResourceBinding or a ClusterResourceBinding: where Karmada has
// scheduled a template, and what became of it. Karmada's own type would link a
// library for controllers.
type binding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Resource struct {
			APIVersion      string `json:"apiVersion"`
			Kind            string `json:"kind"`
			Namespace       string `json:"namespace"`
			Name            string `json:"name"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"resource"`
		Replicas int64 `json:"replicas"`
		Clusters []struct {
			Name     string `json:"name"`
			Replicas int64  `json:"replicas"`
		} `json:"clusters"`
		Placement *policyv1alpha1.Placement `json:"placement"`
	} `json:"spec"`
	Status struct {
		SchedulerObservedGeneration int64              `json:"schedulerObservedGeneration"`
		Conditions                  []metav1.Condition `json:"conditions"`
		AggregatedStatus            []aggregated       `json:"aggregatedStatus"`
	} `json:"status"`
}

// aggregated is what became of a template in one cluster.
type aggregated struct {
	Cluster string         `json:"clusterName"`
	Applied bool           `json:"applied"`
	Message string         `json:"appliedMessage"`
	Health  string         `json:"health"`
	Status  map[string]any `json:"status"`
}

// id is what a binding's Works have as a label.
func (b *binding) id() string {
	if id := b.Labels[bindingLabel]; id != "" {
		return id
	}
	return b.Labels[clusterBindingLabel]
}

func (b *binding) ref() set.Ref {
	gv, _ := schema.ParseGroupVersion(b.Spec.Resource.APIVersion)
	return set.Ref{GroupVersionKind: gv.WithKind(b.Spec.Resource.Kind), Namespace: b.Spec.Resource.Namespace, Name: b.Spec.Resource.Name}
}

// work is what Karmada brings to one cluster.
type work struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Suspended bool `json:"suspendDispatching"`
		Workload  struct {
			Manifests []map[string]any `json:"manifests"`
		} `json:"workload"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

func (w *work) cluster() string { return strings.TrimPrefix(w.Namespace, executionPrefix) }

// generation is that of the template which the Work was made from; 0 for what has
// none.
func (w *work) generation() int64 {
	n, _ := strconv.ParseInt(w.manifest().GetAnnotations()[generationAnnotation], 10, 64)
	return n
}

// manifest is what the cluster gets.
func (w *work) manifest() *unstructured.Unstructured {
	if len(w.Spec.Workload.Manifests) == 0 {
		return &unstructured.Unstructured{}
	}
	return &unstructured.Unstructured{Object: w.Spec.Workload.Manifests[0]}
}

// snapshot is what the hub says at one moment.
type snapshot struct {
	bindings []*binding
	// works by binding and cluster.
	works map[string]map[string]*work
}

// look asks the hub, or takes an answer that is fresh.
func (p *Plan) look(ctx context.Context) (*snapshot, error) {
	p.looking.Lock()
	defer p.looking.Unlock()
	if p.latest != nil && time.Since(p.taken) < fresh {
		return p.latest, nil
	}
	s := &snapshot{works: map[string]map[string]*work{}}
	if err := p.bindings(ctx, s); err != nil {
		return nil, err
	}
	if err := p.works(ctx, s); err != nil {
		return nil, err
	}
	p.latest, p.taken = s, time.Now()
	return s, nil
}

// bindings reads those of the namespaces in which the plan has templates.
func (p *Plan) bindings(ctx context.Context, s *snapshot) error {
	var namespaces []string
	for _, c := range p.Changes {
		if ns := c.Object.GetNamespace(); isTemplate(c) && !slices.Contains(namespaces, ns) {
			namespaces = append(namespaces, ns)
		}
	}
	for _, ns := range namespaces {
		request := member.ListRequest{Resource: bindingsIn(ns), Namespace: ns, Limit: 500}
		for page, err := range p.hub.Objects(ctx, request) {
			if err != nil {
				return err
			}
			for i := range page {
				b := &binding{}
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(page[i].Object, b); err != nil {
					return err
				}
				if slices.ContainsFunc(p.Changes, refersTo(b.ref())) {
					s.bindings = append(s.bindings, b)
				}
			}
		}
	}
	return nil
}

// works reads those of the bindings.
func (p *Plan) works(ctx context.Context, s *snapshot) error {
	ids := map[string][]string{}
	for _, b := range s.bindings {
		label := bindingLabel
		if b.Spec.Resource.Namespace == "" {
			label = clusterBindingLabel
		}
		ids[label] = append(ids[label], b.id())
	}
	for label, values := range ids {
		for some := range slices.Chunk(values, labelValues) {
			request := member.ListRequest{
				Resource: works(), Limit: 500, LabelSelector: label + " in (" + strings.Join(some, ",") + ")",
			}
			err := p.eachWork(ctx, request, func(w *work) {
				id := w.Labels[label]
				if s.works[id] == nil {
					s.works[id] = map[string]*work{}
				}
				s.works[id][w.cluster()] = w
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Plan) eachWork(ctx context.Context, request member.ListRequest, do func(*work)) error {
	for page, err := range p.hub.Objects(ctx, request) {
		if err != nil {
			return err
		}
		for i := range page {
			w := &work{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(page[i].Object, w); err != nil {
				return err
			}
			do(w)
		}
	}
	return nil
}

func (s *snapshot) binding(ref set.Ref) *binding {
	if i := slices.IndexFunc(s.bindings, func(b *binding) bool { return b.ref().Same(ref) }); i >= 0 {
		return s.bindings[i]
	}
	return nil
}

// bindingsIn is the type of the bindings in a namespace, or in none.
func bindingsIn(namespace string) member.Resource {
	if namespace == "" {
		return resource("v1alpha2", "clusterresourcebindings", "ClusterResourceBinding", false)
	}
	return resource("v1alpha2", "resourcebindings", "ResourceBinding", true)
}

func works() member.Resource { return resource("v1alpha1", "works", "Work", true) }

func resource(version, plural, kind string, namespaced bool) member.Resource {
	return member.Resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "work.karmada.io", Version: version, Resource: plural}, Kind: kind, Namespaced: namespaced,
	}
}
