package member

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// decodeTable decodes a Table. Where rows carry metadata, most of the bytes are
// managed fields, which nobody reads: quickTable passes over them once, where
// the library would go through them four times. What quickTable does not
// understand, and every error, is the library's.
func decodeTable(data []byte, include IncludeObject) (*metav1.Table, error) {
	if include != metav1.IncludeObject {
		if table, ok := quickTable(data); ok {
			return table, nil
		}
	}
	table := &metav1.Table{}
	// Preserving integers: a cell of 1000000 must not print as 1e+06.
	return table, kjson.UnmarshalCaseSensitivePreserveInts(data, table)
}

// quickTable decodes a Table whose rows' objects hold no more than metadata, of
// which RowMeta's part is kept. It is false for anything else.
func quickTable(data []byte) (*metav1.Table, bool) {
	table := &metav1.Table{}
	s := &jsonScanner{data: data}
	rows := &quickRows{cells: map[string]any{}}
	ok := s.members(func(key []byte) bool {
		switch string(key) {
		case "kind":
			return s.decode(&table.Kind)
		case "apiVersion":
			return s.decode(&table.APIVersion)
		case "metadata":
			return s.decode(&table.ListMeta)
		case "columnDefinitions":
			return s.decode(&table.ColumnDefinitions)
		case "rows":
			table.Rows = []metav1.TableRow{}
			return s.elements(func() bool {
				row, ok := rows.row(s, len(table.ColumnDefinitions))
				table.Rows = append(table.Rows, row)
				return ok
			})
		}
		return s.skip()
	})
	return table, ok && s.end() && table.Kind == "Table"
}
