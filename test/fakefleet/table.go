package fakefleet

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// tableOf prints a page as the server-side table of its type.
func tableOf(k *kind, p page, include metav1.IncludeObjectPolicy) *metav1.Table {
	table := &metav1.Table{
		TypeMeta: metav1.TypeMeta{APIVersion: metav1.SchemeGroupVersion.String(), Kind: "Table"},
		ListMeta: metav1.ListMeta{ResourceVersion: p.version, Continue: p.next, RemainingItemCount: p.remaining},
		Rows:     []metav1.TableRow{},
	}
	for _, c := range k.columns {
		table.ColumnDefinitions = append(table.ColumnDefinitions, c.TableColumnDefinition)
	}
	for _, o := range p.items {
		row := metav1.TableRow{Object: rowObject(o, include)}
		for _, c := range k.columns {
			row.Cells = append(row.Cells, c.cell(o))
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

func rowObject(o *unstructured.Unstructured, include metav1.IncludeObjectPolicy) runtime.RawExtension {
	switch include {
	case metav1.IncludeNone:
		return runtime.RawExtension{}
	case metav1.IncludeObject:
		return runtime.RawExtension{Object: o}
	case metav1.IncludeMetadata:
	}
	return runtime.RawExtension{Object: metadataOf(o)}
}

// metadataOf is the object's metadata alone.
func metadataOf(o *unstructured.Unstructured) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": metav1.SchemeGroupVersion.String(), "kind": "PartialObjectMetadata", "metadata": o.Object["metadata"],
	}}
}
