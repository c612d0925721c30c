// Package set is what a cluster remembers of a set: an ApplySet (KEP-3659) with
// its journal, and its revisions.
package set

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// The labels and annotations of KEP-3659.
const (
	idLabel              = "applyset.kubernetes.io/id"
	PartOfLabel          = "applyset.kubernetes.io/part-of"
	toolingAnnotation    = "applyset.kubernetes.io/tooling"
	kindsAnnotation      = "applyset.kubernetes.io/contains-group-kinds"
	namespacesAnnotation = "applyset.kubernetes.io/additional-namespaces"
	tooling              = "kubectl-fleet/v1"
	journalKey           = "journal"
	recordPrefix         = "set-"
	maxName              = 40
	keepRevisions        = 3
	journalSchema        = 1
	setLabel             = "kubectl-fleet.io/set"
)

// Set is a set in one cluster.
type Set struct {
	Name    string
	Journal Journal

	store  state.Store
	record *state.Record
}

// Phase is how far a run has come in a cluster.
type Phase string

// The phases of a run, in their order.
const (
	// PhasePending: the revision is kept, and nothing of it was applied.
	PhasePending Phase = "Pending"
	// PhaseApplying: objects are being written.
	PhaseApplying Phase = "Applying"
	// PhaseGating: all is written, and is waited for.
	PhaseGating Phase = "Gating"
	// PhaseDone: the gate was passed.
	PhaseDone Phase = "Done"
)

// Journal is what a set is doing in a cluster.
type Journal struct {
	Schema int   `json:"schema"`
	Phase  Phase `json:"phase,omitempty"`
	// Revision is what is applied, or is being applied.
	Revision int `json:"revision,omitempty"`
	// Done is the last revision that passed its gate; 0 if none has.
	Done int `json:"done,omitempty"`
	// RolledBack: Done brought back what was there before the set, so it is nothing
	// to go back to.
	RolledBack bool `json:"rolledBack,omitempty"`
	// Passed are the revisions that passed their gate and are kept: the last is
	// Done.
	Passed []int `json:"passed,omitempty"`
	// Run names what several clusters do together.
	Run Run `json:"run,omitzero"`
	// Hub: the cluster that remembers this is a control plane, and brings the set to
	// others.
	Hub bool `json:"hub,omitempty"`
	// Members are the kinds and namespaces that objects of the set may be in.
	Kinds      []schema.GroupKind `json:"kinds,omitempty"`
	Namespaces []string           `json:"namespaces,omitempty"`
}

// Run is one run of the command over several clusters.
type Run struct {
	ID string `json:"id"`
	// By is who began it, as USER@HOST.
	By      string `json:"by,omitempty"`
	Started string `json:"started,omitempty"`
	// Waves are the clusters of the run, by name, in the order of the waves.
	Waves [][]string `json:"waves,omitempty"`
	// Wave is the number of the wave of the cluster that remembers this, from 1.
	// Elsewhere the clusters may have other names.
	Wave int    `json:"wave,omitempty"`
	Bake string `json:"bake,omitempty"`
	// Hash is equal for two runs that want the same of the same clusters.
	Hash string `json:"hash,omitempty"`
}

// ValidName is an error if a set cannot be called that.
func ValidName(name string) error {
	if wrong := validation.IsDNS1123Label(name); len(wrong) > 0 {
		return fmt.Errorf("set name %q: %s", name, strings.Join(wrong, "; "))
	}
	if len(name) > maxName {
		return fmt.Errorf("set name %q: longer than %d characters", name, maxName)
	}
	return nil
}

// ID is the value of the part-of label of a set's members, as KEP-3659 makes it of
// the parent's name, namespace, kind and group.
func ID(name, namespace string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{recordPrefix + name, namespace, "Secret", ""}, ".")))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(sum[:]) + "-v1"
}

// Load reads a set. One that is not there yet has no journal.
func Load(ctx context.Context, store state.Store, name string) (*Set, error) {
	record, err := store.Get(ctx, recordPrefix+name)
	if err != nil {
		return nil, err
	}
	s := &Set{Name: name, store: store, record: record}
	if record == nil {
		return s, nil
	}
	return s, s.read()
}

// List reads all sets of a cluster, by name.
func List(ctx context.Context, store state.Store) ([]*Set, error) {
	records, err := store.List(ctx, setLabel+","+idLabel)
	if err != nil {
		return nil, err
	}
	var sets []*Set
	for _, record := range records {
		s := &Set{Name: strings.TrimPrefix(record.Name, recordPrefix), store: store, record: record}
		if err := s.read(); err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	slices.SortFunc(sets, func(a, b *Set) int { return strings.Compare(a.Name, b.Name) })
	return sets, nil
}

func (s *Set) read() error {
	where := fmt.Sprintf("Secret %s/%s", s.store.Namespace, s.record.Name)
	if by := s.record.Annotations[toolingAnnotation]; by != tooling {
		return fmt.Errorf("%s is an ApplySet of %q, not of %s", where, by, tooling)
	}
	if err := json.Unmarshal(s.record.Data[journalKey], &s.Journal); err != nil {
		return fmt.Errorf("%s: journal: %w", where, err)
	}
	if s.Journal.Schema > journalSchema {
		return fmt.Errorf("%s was written by a newer release (schema %d, this one knows %d)", where, s.Journal.Schema, journalSchema)
	}
	return nil
}

// ChangedError is a set that somebody else has changed since it was read.
type ChangedError struct {
	Name string
	// By is who, as they signed it; empty if they took it away.
	By string
}

func (e *ChangedError) Error() string {
	by := cmp.Or(e.By, "somebody else")
	return fmt.Sprintf("%s has changed the set %s since this was planned: plan it again", by, e.Name)
}

// Reason classifies the failure.
func (*ChangedError) Reason() member.Reason { return member.ReasonRefused }

// Unchanged is a *ChangedError unless the set is still as it was read.
func (s *Set) Unchanged(ctx context.Context) error {
	now, err := Load(ctx, s.store, s.Name)
	if err != nil {
		return err
	}
	if cmp.Or(now.record, &state.Record{}).Version != cmp.Or(s.record, &state.Record{}).Version {
		return &ChangedError{Name: s.Name, By: now.Journal.Run.By}
	}
	return nil
}

// Exists is true if the set is in the cluster.
func (s *Set) Exists() bool { return s.record != nil }

// PartOf is the value of its members' label.
func (s *Set) PartOf() string { return ID(s.Name, s.store.Namespace) }

// Pass notes that the revision passed its gate.
func (j *Journal) Pass(r *Revision) {
	j.Phase, j.Done, j.RolledBack = PhaseDone, j.Revision, r.isBefore()
	if j.RolledBack {
		j.Passed = nil
		return
	}
	j.Passed = append(slices.DeleteFunc(slices.Clone(j.Passed), func(n int) bool { return n == j.Revision }), j.Revision)
	j.Passed = j.Passed[max(0, len(j.Passed)-keepRevisions-1):]
}

// Tidies is true if a run deletes revisions when the one of this number has passed its
// gate; see Set.Tidy.
func (j *Journal) Tidies(number int) bool {
	return number > j.Done+1 || j.RolledBack || len(j.Passed) > keepRevisions
}

// Base is the revision that a new one is taken back to; 0 is what was there before the
// set.
func (j *Journal) Base() int {
	if j.RolledBack {
		return 0
	}
	return j.Done
}

// Covers notes that the set may have objects of a kind in a namespace.
func (j *Journal) Covers(kind schema.GroupKind, namespace string) {
	if !slices.Contains(j.Kinds, kind) {
		at, _ := slices.BinarySearchFunc(j.Kinds, kind, func(a, b schema.GroupKind) int { return strings.Compare(a.String(), b.String()) })
		j.Kinds = slices.Insert(slices.Clip(j.Kinds), at, kind)
	}
	if namespace != "" && !slices.Contains(j.Namespaces, namespace) {
		j.Namespaces = append(slices.Clip(j.Namespaces), namespace)
		slices.Sort(j.Namespaces)
	}
}

// Has is true if Covers has noted that.
func (j *Journal) Has(kind schema.GroupKind, namespace string) bool {
	return slices.Contains(j.Kinds, kind) && (namespace == "" || slices.Contains(j.Namespaces, namespace))
}

// Save writes the journal, if nobody else has since it was read
// (state.ErrChanged). The state namespace must be there, as it is under a lock.
func (s *Set) Save(ctx context.Context) error {
	s.Journal.Schema = journalSchema
	text, err := json.Marshal(s.Journal)
	if err != nil {
		return err
	}
	record := s.record
	if record == nil {
		record = &state.Record{Name: recordPrefix + s.Name}
	}
	kinds := make([]string, len(s.Journal.Kinds))
	for i, k := range s.Journal.Kinds {
		kinds[i] = k.String()
	}
	next := *record
	next.Labels = maps.Clone(record.Labels)
	if next.Labels == nil {
		next.Labels = map[string]string{}
	}
	next.Labels[idLabel], next.Labels[setLabel] = s.PartOf(), s.Name
	next.Annotations = map[string]string{
		toolingAnnotation: tooling, kindsAnnotation: strings.Join(kinds, ","),
		namespacesAnnotation: strings.Join(slices.DeleteFunc(slices.Clone(s.Journal.Namespaces), func(ns string) bool { return ns == s.store.Namespace }), ","),
	}
	next.Data = map[string][]byte{journalKey: text}
	if err := s.store.Put(ctx, &next); err != nil {
		return err
	}
	s.record = &next
	return nil
}

// Delete deletes the set's own records: first the revisions, last the set.
func (s *Set) Delete(ctx context.Context) error {
	if s.record == nil {
		return nil
	}
	numbers, err := s.revisions(ctx)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := s.store.DeleteDocument(ctx, s.document(n)); err != nil {
			return err
		}
	}
	if err := s.store.Delete(ctx, s.record); err != nil {
		return err
	}
	s.record = nil
	return nil
}
