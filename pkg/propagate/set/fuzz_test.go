package set

import (
	"encoding/json"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Whatever a cluster says of a set is refused, or is a journal of ours.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"schema":1,"revision":3,"passed":[1,2]}`), tooling)
	f.Add([]byte(`{"schema":99}`), tooling)
	f.Add([]byte(`{"passed":null,"run":[]}`), tooling)
	f.Add([]byte(`{}`), "kubectl/v1.36")
	f.Fuzz(func(t *testing.T, journal []byte, by string) {
		s := &Set{Name: "s", record: &state.Record{
			Name: recordPrefix + "s", Annotations: map[string]string{toolingAnnotation: by}, Data: map[string][]byte{journalKey: journal},
		}}
		if s.read() != nil {
			return
		}
		if by != tooling || s.Journal.Schema > journalSchema {
			t.Errorf("schema %d of %q was taken", s.Journal.Schema, by)
		}
		s.Journal.Pass(&Revision{})
		if len(s.Journal.Passed) > keepRevisions+1 {
			t.Errorf("%d revisions are kept", len(s.Journal.Passed))
		}
	})
}

// Whatever a cluster says that a revision applied: what is taken can be asked all
// that a run asks, and is equal to itself.
func FuzzRevision(f *testing.F) {
	f.Add(`{"number":1,"objects":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}],"dropped":[{"kind":"B","name":"b"}]}`)
	f.Add(`{"objects":[null]}`)
	f.Add(`{"objects":[{"kind":"X"}],"taken":[{"kind":"X","metadata":7}],"kept":[{"kind":"Y","metadata":{"name":["a"]}}]}`)
	f.Fuzz(func(_ *testing.T, text string) {
		r := &Revision{}
		if json.Unmarshal([]byte(text), r) != nil || r.check() != nil {
			return
		}
		for _, o := range r.All() {
			ref := RefOf(o)
			_, _, _ = r.IsFound(ref), r.IsDropped(ref), r.TakenOf(ref)
			_ = ref.String()
			_ = r.ObjectOf(ref)
		}
		_ = r.Equal(&Revision{})
	})
}
