package simulate

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// kind is where pods are that are the same to others: of one namespace, with the
// same labels and affinities.
type kind struct {
	one *podInfo // any of them
	on  map[int]int
	// version changes with on, and is never as it was.
	version int
}

func (k *kind) count(node, delta int) {
	k.version++
	if k.on[node] += delta; k.on[node] == 0 {
		delete(k.on, node)
	}
}

// podInfo is a pod as the scheduler's plugins see it.
type podInfo struct {
	*framework.PodInfo

	kind   *kind
	claims []string
}

func (p *podInfo) hasTerms() bool {
	return len(p.RequiredAffinityTerms)+len(p.RequiredAntiAffinityTerms)+len(p.PreferredAffinityTerms)+len(p.PreferredAntiAffinityTerms) > 0
}

// kindList grows as pods come.
type kindList struct{ kinds []*kind }

// kinds are all kinds of pods.
type kinds struct {
	byKey map[string]*kind
	all   *kindList
	// affine are those with terms of affinity.
	affine  *kindList
	byLabel map[[2]string]*kindList
	// namespaces have labels.
	namespaces map[string]labels.Set
}

func newKinds(namespaces []*corev1.Namespace) kinds {
	k := kinds{byKey: map[string]*kind{}, all: &kindList{}, affine: &kindList{}, byLabel: map[[2]string]*kindList{}, namespaces: map[string]labels.Set{}}
	for _, n := range namespaces {
		k.namespaces[n.Name] = n.Labels
	}
	return k
}

func (k *kinds) newPod(p *corev1.Pod) (*podInfo, error) {
	parsed, err := framework.NewPodInfo(p)
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	info := &podInfo{PodInfo: parsed}
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			info.claims = append(info.claims, framework.GetNamespacedName(p.Namespace, v.PersistentVolumeClaim.ClaimName))
		}
	}
	key := kindKey(p)
	if info.kind = k.byKey[key]; info.kind != nil {
		return info, nil
	}
	made := &kind{one: info, on: map[int]int{}}
	info.kind, k.byKey[key] = made, made
	k.all.kinds = append(k.all.kinds, made)
	if info.hasTerms() {
		k.affine.kinds = append(k.affine.kinds, made)
	}
	for name, value := range p.Labels {
		list := k.labelled(name, value)
		list.kinds = append(list.kinds, made)
	}
	return info, nil
}

// kindKey is what pods have in common that are the same to others.
func kindKey(p *corev1.Pod) string {
	key := []byte(p.Namespace)
	names := make([]string, 0, len(p.Labels))
	for name := range p.Labels {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		key = fmt.Append(key, "\x00", name, "=", p.Labels[name])
	}
	if p.DeletionTimestamp != nil {
		key = append(key, "\x00terminating"...)
	}
	if a := p.Spec.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		text, _ := json.Marshal([]any{a.PodAffinity, a.PodAntiAffinity}) //nolint:errchkjson // types of the API
		key = append(append(key, 0), text...)
	}
	return string(key)
}

func (k *kinds) labelled(name, value string) *kindList {
	list := k.byLabel[[2]string{name, value}]
	if list == nil {
		list = &kindList{}
		k.byLabel[[2]string{name, value}] = list
	}
	return list
}

// selected are kinds among which are all that a selector matches: few, if it asks
// for one value of some label.
func (k *kinds) selected(s labels.Selector) *kindList {
	requirements, _ := s.Requirements()
	var few *kindList
	for _, r := range requirements {
		values := r.ValuesUnsorted()
		if op := r.Operator(); len(values) != 1 || op != selection.Equals && op != selection.DoubleEquals && op != selection.In {
			continue
		}
		if list := k.labelled(r.Key(), values[0]); few == nil || len(list.kinds) < len(few.kinds) {
			few = list
		}
	}
	if few == nil {
		return k.all
	}
	return few
}

// wants: one of a pod's terms is about another pod.
func (k *kinds) wants(p, other *podInfo) bool {
	namespace := k.namespaces[other.Pod.Namespace]
	return slices.ContainsFunc(p.terms(), func(t *fwk.AffinityTerm) bool { return t.Matches(other.Pod, namespace) })
}

func (p *podInfo) terms() []*fwk.AffinityTerm {
	var terms []*fwk.AffinityTerm
	for _, some := range [][]fwk.AffinityTerm{p.RequiredAffinityTerms, p.RequiredAntiAffinityTerms} {
		for i := range some {
			terms = append(terms, &some[i])
		}
	}
	for _, some := range [][]fwk.WeightedAffinityTerm{p.PreferredAffinityTerms, p.PreferredAntiAffinityTerms} {
		for i := range some {
			terms = append(terms, &some[i].AffinityTerm)
		}
	}
	return terms
}

// matching are kinds of pods that a class has to do with, and whether anything of
// them has changed.
type matching struct {
	sources []source
	kinds   []*kind
	version int // of them all
	counted bool
}

// source is where kinds are found.
type source struct {
	list    *kindList
	seen    int
	matches func(*kind) bool
}

// update looks for kinds that are new, and says whether any has changed.
func (m *matching) update() bool {
	for i := range m.sources {
		for s := &m.sources[i]; s.seen < len(s.list.kinds); s.seen++ {
			if k := s.list.kinds[s.seen]; s.matches(k) && !slices.Contains(m.kinds, k) {
				m.kinds = append(m.kinds, k)
				m.counted = false
			}
		}
	}
	version := 0
	for _, k := range m.kinds {
		version += k.version
	}
	changed := !m.counted || version != m.version
	m.version, m.counted = version, true
	return changed
}
