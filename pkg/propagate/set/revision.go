package set

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Revision is what a set applies to a cluster, and what is needed to take it
// back.
type Revision struct {
	Number int `json:"number"`
	// Base is the revision that had passed its gate when this one was made; 0 if
	// none had.
	Base int `json:"base,omitempty"`
	// Previous is the revision that was applied when this one was made, whether it
	// had passed its gate or not; 0 if none was.
	Previous int `json:"previous,omitempty"`
	// Restores is the revision that this one brings back, 0 being what was there
	// before the set; nil if it brings something new.
	Restores *int `json:"restores,omitempty"`
	// Objects are what is applied, as it is for this cluster.
	Objects []*unstructured.Unstructured `json:"objects"`
	// Dropped are the objects that the set has no longer with this revision: they
	// are deleted, or released.
	Dropped []Ref `json:"dropped,omitempty"`
	// Kept are the objects of the set that were no longer wanted, and were left: as
	// they were applied last.
	Kept []*unstructured.Unstructured `json:"kept,omitempty"`
	// Found are the objects of the set that were there before it came, and are
	// not its own to delete. Those that are being released are among them: a run
	// that is killed before it has released them must still know.
	Found []Ref `json:"found,omitempty"`
	// Taken are the values that fields had which the set took from other
	// managers: parts of objects.
	Taken []*unstructured.Unstructured `json:"taken,omitempty"`
}

// Ref names an object in a cluster.
type Ref struct {
	schema.GroupVersionKind `json:",inline"`

	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// RefOf names an object.
func RefOf(o *unstructured.Unstructured) Ref {
	return Ref{GroupVersionKind: o.GroupVersionKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// Same is true for two names of one object, whatever their versions.
func (r Ref) Same(other Ref) bool { return r.Unversioned() == other.Unversioned() }

// Unversioned is the name as it is whatever the version: equal for two names that
// are the Same.
func (r Ref) Unversioned() Ref {
	r.Version = ""
	return r
}

// Object is an object of that name and with nothing in it.
func (r Ref) Object() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(r.GroupVersionKind)
	o.SetNamespace(r.Namespace)
	o.SetName(r.Name)
	return o
}

// String is Kind NAMESPACE/NAME.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// IsFound is true for an object that was there before the set.
func (r *Revision) IsFound(ref Ref) bool {
	return r != nil && slices.ContainsFunc(r.Found, ref.Same)
}

// IsDropped is true for an object that this revision takes out of the set.
func (r *Revision) IsDropped(ref Ref) bool {
	return r != nil && slices.ContainsFunc(r.Dropped, ref.Same)
}

// TakenOf are the values that fields of an object had before the set took them;
// nil if it took none.
func (r *Revision) TakenOf(ref Ref) *unstructured.Unstructured {
	if r == nil {
		return nil
	}
	if i := slices.IndexFunc(r.Taken, func(o *unstructured.Unstructured) bool { return RefOf(o).Same(ref) }); i >= 0 {
		return r.Taken[i]
	}
	return nil
}

// All are the objects of the set as the revision leaves it: applied, and kept.
func (r *Revision) All() []*unstructured.Unstructured {
	if r == nil {
		return nil
	}
	return slices.Concat(r.Objects, r.Kept)
}

// Equal is true if both leave a cluster the same.
func (r *Revision) Equal(other *Revision) bool {
	all := map[Ref]map[string]any{}
	for _, o := range other.All() {
		all[RefOf(o)] = o.Object
	}
	return len(r.All()) == len(other.All()) && !slices.ContainsFunc(r.All(), func(o *unstructured.Unstructured) bool {
		return !equality.Semantic.DeepEqual(o.Object, all[RefOf(o)])
	})
}

// isBefore is true for a revision that brings back what was there before the set.
func (r *Revision) isBefore() bool { return r.Restores != nil && *r.Restores == 0 }

// ObjectOf is what the revision applies to an object; nil if it does not.
func (r *Revision) ObjectOf(ref Ref) *unstructured.Unstructured {
	if r == nil {
		return nil
	}
	if i := slices.IndexFunc(r.Objects, func(o *unstructured.Unstructured) bool { return RefOf(o).Same(ref) }); i >= 0 {
		return r.Objects[i]
	}
	return nil
}

func (s *Set) document(number int) string {
	return fmt.Sprintf("%s%s.r%d", recordPrefix, s.Name, number)
}

// Revision reads a revision; nil where it is not kept, or was never finished.
func (s *Set) Revision(ctx context.Context, number int) (*Revision, error) {
	if number == 0 {
		return nil, nil
	}
	r := &Revision{}
	found, err := s.store.Document(ctx, s.document(number), r)
	if err != nil || !found {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("revision %d of %s in namespace %s: %w", number, s.Name, s.store.Namespace, err)
	}
	return r, nil
}

// Former reads the revisions before the current one, from that on which passed its gate
// last.
func (s *Set) Former(ctx context.Context) ([]*Revision, error) {
	numbers, err := s.revisions(ctx)
	if err != nil {
		return nil, err
	}
	var former []*Revision
	for _, n := range numbers {
		if n < s.Journal.Done || n >= s.Journal.Revision {
			continue
		}
		r, err := s.Revision(ctx, n)
		if err != nil {
			return nil, err
		}
		if r != nil {
			former = append(former, r)
		}
	}
	return former, nil
}

// check refuses what no release has written: whoever may write Secrets in a cluster
// may have changed it.
func (r *Revision) check() error {
	for _, o := range slices.Concat(r.Objects, r.Kept, r.Taken) {
		if o == nil {
			return errors.New("one of its objects is empty")
		}
	}
	return nil
}

// Keep writes a revision, as state.Pack has made it.
func (s *Set) Keep(ctx context.Context, number int, packed []byte) error {
	return s.store.PutDocument(ctx, s.document(number), map[string]string{setLabel: s.Name}, packed)
}

// Drop deletes a revision.
func (s *Set) Drop(ctx context.Context, number int) error {
	return s.store.DeleteDocument(ctx, s.document(number))
}

// Tidy deletes the revisions that can no longer be gone back to: older ones than
// the last that passed their gate, and those that never did.
func (s *Set) Tidy(ctx context.Context) error {
	if s.Journal.Revision <= 1 { // there is no older one
		return nil
	}
	numbers, err := s.revisions(ctx)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n < s.Journal.Revision && !slices.Contains(s.Journal.Passed, n) {
			if err := s.store.DeleteDocument(ctx, s.document(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Kept says which revisions are kept, in words.
func (s *Set) Kept(ctx context.Context) string {
	numbers, err := s.revisions(ctx)
	if err != nil || len(numbers) == 0 {
		return "none"
	}
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}

// revisions are the numbers of those kept, in order.
func (s *Set) revisions(ctx context.Context) ([]int, error) {
	names, err := s.store.Names(ctx, setLabel+"="+s.Name)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, name := range names {
		rest, is := strings.CutPrefix(name, recordPrefix+s.Name+".r")
		if !is {
			continue
		}
		text, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(text); err == nil && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
