package member

import (
	"bytes"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// quickRows decodes the rows of one page. Most of a row is as in a row before
// it ("Running", "0", "<none>", the labels); that is made once, and shared.
type quickRows struct {
	// cells are decoded cells by their JSON.
	cells map[string]any
	// namespace and labels are those of the row before.
	namespace  string
	labels     map[string]string
	labelsJSON []byte
}

// How many cells of a page are kept for its next rows, and how long ones.
const (
	maxSameCells      = 256
	maxSameCellLength = 24
)

// row decodes a row of about so many cells.
func (q *quickRows) row(s *jsonScanner, width int) (row metav1.TableRow, ok bool) {
	ok = s.members(func(key []byte) bool {
		switch string(key) {
		case "cells":
			row.Cells, ok = q.rowCells(s, width)
			return ok
		case "conditions":
			return s.decode(&row.Conditions)
		case "object":
			if s.null() {
				return true
			}
			meta := &rowMeta{}
			row.Object.Object = meta
			return q.object(s, meta)
		}
		return s.skip()
	})
	return row, ok
}

func (q *quickRows) rowCells(s *jsonScanner, width int) (cells []any, ok bool) {
	if s.null() {
		return nil, true
	}
	cells = make([]any, 0, width)
	ok = s.elements(func() bool {
		cell, ok := q.cell(s)
		cells = append(cells, cell)
		return ok
	})
	return cells, ok
}

func (q *quickRows) cell(s *jsonScanner) (any, bool) {
	s.space()
	start := s.at
	if text, ok := s.text(); ok {
		text := s.data[start : start+len(text)+2] // with its quotes, as a key
		if cell, known := q.cells[string(text)]; known {
			return cell, true
		}
		return q.keep(text, string(text[1:len(text)-1])), true
	}
	s.at = start
	if !s.skip() {
		return nil, false
	}
	text := s.data[start:s.at]
	if cell, known := q.cells[string(text)]; known {
		return cell, true
	}
	var cell any
	if kjson.UnmarshalCaseSensitivePreserveInts(text, &cell) != nil {
		return nil, false
	}
	if text[0] == '{' || text[0] == '[' {
		return cell, true // not for two rows
	}
	return q.keep(text, cell), true
}

func (q *quickRows) keep(text []byte, cell any) any {
	if len(text) <= maxSameCellLength && len(q.cells) < maxSameCells {
		q.cells[string(text)] = cell
	}
	return cell
}

func (q *quickRows) object(s *jsonScanner, meta *rowMeta) bool {
	return s.members(func(key []byte) bool {
		if string(key) != "metadata" {
			return s.skip()
		}
		return s.members(func(key []byte) bool {
			switch string(key) {
			case "namespace":
				ok := q.sameNamespace(s)
				meta.namespace = q.namespace
				return ok
			case "name":
				return s.decode(&meta.name)
			case "resourceVersion":
				return s.decode(&meta.resourceVersion)
			case "labels":
				ok := q.sameLabels(s)
				meta.labels = q.labels
				return ok
			}
			return s.skip()
		})
	})
}

func (q *quickRows) sameNamespace(s *jsonScanner) bool {
	s.space()
	start := s.at
	if text, ok := s.text(); ok && string(text) == q.namespace {
		return true
	}
	s.at = start
	return s.decode(&q.namespace)
}

func (q *quickRows) sameLabels(s *jsonScanner) bool {
	s.space()
	start := s.at
	if !s.skip() {
		return false
	}
	text := s.data[start:s.at]
	if bytes.Equal(text, q.labelsJSON) {
		return true
	}
	q.labels, q.labelsJSON = nil, text
	return kjson.UnmarshalCaseSensitivePreserveInts(text, &q.labels) == nil
}

// rowMeta is the part of a row's metadata that RowMeta returns.
type rowMeta struct {
	namespace, name, resourceVersion string

	labels map[string]string
}

var _ runtime.Object = (*rowMeta)(nil)

func (*rowMeta) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject returns the metadata itself, which nobody changes.
func (m *rowMeta) DeepCopyObject() runtime.Object { return m }
