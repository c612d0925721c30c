package state

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

const (
	// partBytes is what one Secret holds of a document: the API server takes 1 MiB
	// of data, base64 and the rest not counted.
	partBytes = 900 << 10
	// maxDocument bounds what a document unpacks to.
	maxDocument = 512 << 20

	documentLabel  = "kubectl-fleet.io/document"
	partAnnotation = "kubectl-fleet.io/part"
	sumAnnotation  = "kubectl-fleet.io/sha256"
	partKey        = "part"
)

// Pack makes a document of a value: its JSON, compressed.
func Pack(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	if _, err := packer.Write(text); err != nil {
		return nil, err
	}
	err = packer.Close()
	return packed.Bytes(), err
}

// PutDocument keeps what Pack has made in as many records as it needs, named NAME.0 and
// on. They are written before the first, so that a document whose first record is there
// is whole. It must not exist, or be half of one.
func (s Store) PutDocument(ctx context.Context, name string, labels map[string]string, packed []byte) error {
	old, err := s.parts(ctx, name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(packed)
	parts := slices.Collect(slices.Chunk(packed, partBytes))
	if len(old) > len(parts) { // of one that was longer, and never finished
		if err := s.deleteAll(ctx, old[len(parts):]); err != nil {
			return err
		}
	}
	for i, part := range slices.Backward(parts) {
		r := &Record{Name: fmt.Sprintf("%s.%d", name, i), Labels: map[string]string{documentLabel: name}, Data: map[string][]byte{partKey: part}}
		maps.Copy(r.Labels, labels)
		r.Annotations = map[string]string{partAnnotation: fmt.Sprintf("%d/%d", i, len(parts)), sumAnnotation: hex.EncodeToString(sum[:])}
		if at := slices.IndexFunc(old, func(o *Record) bool { return o.Name == r.Name }); at >= 0 {
			r.UID, r.Version = old[at].UID, old[at].Version
		}
		if err := s.Put(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Document reads a value that PutDocument keeps. found is false where there is
// none, or only a part of one that was never finished.
func (s Store) Document(ctx context.Context, name string, into any) (found bool, err error) {
	parts, err := s.parts(ctx, name)
	if err != nil || len(parts) == 0 || parts[0].Annotations[partAnnotation] != fmt.Sprintf("0/%d", len(parts)) {
		return false, err
	}
	var packed []byte
	for _, p := range parts {
		packed = append(packed, p.Data[partKey]...)
	}
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != parts[0].Annotations[sumAnnotation] {
		return false, fmt.Errorf("secrets %s/%s.*: their sum is not what was written: somebody else has changed them", s.Namespace, name)
	}
	unpacker, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(unpacker, maxDocument))
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, into)
}

// DeleteDocument deletes a document, its first record first: what is left if that
// is interrupted is no document.
func (s Store) DeleteDocument(ctx context.Context, name string) error {
	parts, err := s.parts(ctx, name)
	if err != nil {
		return err
	}
	return s.deleteAll(ctx, parts)
}

func (s Store) deleteAll(ctx context.Context, records []*Record) error {
	for _, r := range records {
		if err := s.Delete(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// parts are the records of a document, in order.
func (s Store) parts(ctx context.Context, name string) ([]*Record, error) {
	parts, err := s.List(ctx, documentLabel+"="+name)
	number := func(r *Record) int {
		n, _ := strconv.Atoi(r.Name[min(len(name)+1, len(r.Name)):])
		return n
	}
	slices.SortFunc(parts, func(a, b *Record) int { return cmp.Compare(number(a), number(b)) })
	return parts, err
}
