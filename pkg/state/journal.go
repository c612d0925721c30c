package state

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

const (
	journalKey = "journal.json.gz"
	// maxJournal bounds what a journal unpacks to.
	maxJournal = 64 << 20
)

// Journal is a value that a cluster remembers in one record, as compressed JSON. It
// is written with the resourceVersion that it was read with: a second writer is
// found, and stops.
type Journal struct {
	store  Store
	record *Record
	// unheard are contents that were written without an answer: each may be what is there.
	unheard [][]byte
}

// NewJournal is a journal that is not there yet.
func (s Store) NewJournal(name string, labels map[string]string) *Journal {
	return &Journal{store: s, record: &Record{Name: name, Labels: labels}}
}

// Journal reads a journal. One that is not there is nil.
func (s Store) Journal(ctx context.Context, name string) (*Journal, error) {
	record, err := s.Get(ctx, name)
	if err != nil || record == nil {
		return nil, err
	}
	return &Journal{store: s, record: record}, nil
}

// Journals reads all journals that a label selector finds.
func (s Store) Journals(ctx context.Context, selector string) ([]*Journal, error) {
	records, err := s.List(ctx, selector)
	journals := make([]*Journal, len(records))
	for i, r := range records {
		journals[i] = &Journal{store: s, record: r}
	}
	return journals, err
}

// Name is that of its record.
func (j *Journal) Name() string { return j.record.Name }

// Decode reads the value.
func (j *Journal) Decode(into any) error {
	packed, err := gzip.NewReader(bytes.NewReader(j.record.Data[journalKey]))
	if err != nil {
		return j.wrap(err)
	}
	text, err := io.ReadAll(io.LimitReader(packed, maxJournal))
	if err != nil {
		return j.wrap(err)
	}
	return j.wrap(json.Unmarshal(text, into))
}

// Save writes the value, if nobody else has since it was read (ErrChanged). It tries
// again while the API server has no answer. What an earlier Save was never told of is no
// other's write.
func (j *Journal) Save(ctx context.Context, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	if _, err := packer.Write(text); err != nil {
		return err
	}
	if err := packer.Close(); err != nil {
		return err
	}
	next := *j.record
	next.Data = map[string][]byte{journalKey: packed.Bytes()}
	err = patience.Try(ctx, func() error {
		err := j.store.Put(ctx, &next)
		if errors.Is(err, ErrChanged) && len(j.unheard) > 0 {
			err = j.takeUp(ctx, &next)
		}
		if member.IsAway(err) || err != nil && ctx.Err() != nil {
			j.unheard = append(j.unheard, packed.Bytes())
		}
		return err
	})
	if err == nil {
		j.record, j.unheard = &next, nil
	}
	return err
}

// takeUp writes a record that is as an earlier write of ours would have left it: then the
// answer to that was lost, and nobody else has written.
func (j *Journal) takeUp(ctx context.Context, next *Record) error {
	is, err := j.store.Get(ctx, next.Name)
	if err != nil {
		return err
	}
	ours := func(content []byte) bool { return bytes.Equal(content, is.Data[journalKey]) }
	if is == nil || !slices.ContainsFunc(j.unheard, ours) {
		return j.wrap(ErrChanged)
	}
	next.UID, next.Version = is.UID, is.Version
	if ours(next.Data[journalKey]) {
		return nil
	}
	return j.store.Put(ctx, next)
}

// Delete deletes it, if it is still the same.
func (j *Journal) Delete(ctx context.Context) error { return j.store.Delete(ctx, j.record) }

func (j *Journal) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("secret %s/%s: %w", j.store.Namespace, j.record.Name, err)
}
