package direct

import (
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Forms are objects as they are applied, with namespace and label. Clusters that get
// the same share it, and what is sent of it: nobody changes it.
type Forms struct {
	mu   sync.Mutex
	made map[origin]*unstructured.Unstructured
	json map[*unstructured.Unstructured]func() ([]byte, error)
	// packed is the revision that was packed last, which the next cluster may have, too.
	packed   []byte
	revision *set.Revision
}

// origin is what a form is made of.
type origin struct {
	object            *unstructured.Unstructured
	namespace, partOf string
}

// NewForms has none yet.
func NewForms() *Forms {
	return &Forms{made: map[origin]*unstructured.Unstructured{}, json: map[*unstructured.Unstructured]func() ([]byte, error){}}
}

// of is the form of an object. An error is that of labels that are none.
func (f *Forms) of(o *unstructured.Unstructured, namespace, partOf string) (*unstructured.Unstructured, error) {
	if f == nil {
		return formOf(o, namespace, partOf)
	}
	from := origin{o, namespace, partOf}
	f.mu.Lock()
	defer f.mu.Unlock()
	if made := f.made[from]; made != nil {
		return made, nil
	}
	made, err := formOf(o, namespace, partOf)
	if err != nil {
		return nil, err
	}
	f.made[from], f.json[made] = made, sync.OnceValues(made.MarshalJSON)
	return made, nil
}

func formOf(o *unstructured.Unstructured, namespace, partOf string) (*unstructured.Unstructured, error) {
	labels, _, err := unstructured.NestedStringMap(o.Object, "metadata", "labels")
	if err != nil { // of an override: what is read has been checked
		return nil, refused("%w", err)
	}
	if labels == nil {
		labels = map[string]string{}
	}
	labels[set.PartOfLabel] = partOf
	o = o.DeepCopy()
	o.SetLabels(labels)
	if namespace != "" {
		o.SetNamespace(namespace)
	}
	return o, nil
}

// encode is an object's JSON, made once for a form; nil where whoever sends it has to
// make it.
func (f *Forms) encode(o *unstructured.Unstructured) []byte {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	encode := f.json[o]
	f.mu.Unlock()
	if encode == nil {
		return nil
	}
	text, _ := encode() // an error is that of who sends it
	return text
}

// pack packs a revision. That of the next cluster is mostly the same: a new set, made of
// the same forms.
func (f *Forms) pack(r *set.Revision) ([]byte, error) {
	if f == nil {
		return state.Pack(r)
	}
	f.mu.Lock()
	last, packed := f.revision, f.packed
	f.mu.Unlock()
	if last != nil && isSame(last, r) {
		return packed, nil
	}
	packed, err := state.Pack(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.revision, f.packed = r, packed
	}
	return packed, err
}

// isSame is true for two revisions of the same forms that say the same of all else.
func isSame(a, b *set.Revision) bool {
	x, y := *a, *b
	x.Objects, y.Objects = nil, nil
	return slices.Equal(a.Objects, b.Objects) && reflect.DeepEqual(x, y)
}
