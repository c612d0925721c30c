package member

import (
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"
	kjson "sigs.k8s.io/json"
)

// RowMeta returns the metadata of a row's object. It is empty where the table
// was asked for without objects.
func RowMeta(row metav1.TableRow) (metav1.ObjectMeta, error) {
	if quick, is := row.Object.Object.(*rowMeta); is {
		return metav1.ObjectMeta{Namespace: quick.namespace, Name: quick.name, ResourceVersion: quick.resourceVersion, Labels: quick.labels}, nil
	}
	if row.Object.Object != nil {
		object, err := meta.Accessor(row.Object.Object)
		if err != nil {
			return metav1.ObjectMeta{}, err
		}
		return metav1.ObjectMeta{
			Namespace: object.GetNamespace(), Name: object.GetName(),
			ResourceVersion: object.GetResourceVersion(), Labels: object.GetLabels(),
		}, nil
	}
	if len(row.Object.Raw) == 0 {
		return metav1.ObjectMeta{}, nil
	}
	// Only what rows need: the managed fields beside it are far larger.
	var object struct {
		Metadata struct {
			Namespace       string            `json:"namespace"`
			Name            string            `json:"name"`
			ResourceVersion string            `json:"resourceVersion"`
			Labels          map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(row.Object.Raw, &object); err != nil {
		return metav1.ObjectMeta{}, err
	}
	return metav1.ObjectMeta{
		Namespace: object.Metadata.Namespace, Name: object.Metadata.Name,
		ResourceVersion: object.Metadata.ResourceVersion, Labels: object.Metadata.Labels,
	}, nil
}

// RowObject returns a row's whole object, where the table was asked for with it.
func RowObject(row metav1.TableRow) (map[string]any, error) {
	if object, is := row.Object.Object.(*unstructured.Unstructured); is {
		return object.Object, nil
	}
	var object map[string]any
	if len(row.Object.Raw) == 0 {
		return nil, nil
	}
	err := kjson.UnmarshalCaseSensitivePreserveInts(row.Object.Raw, &object)
	return object, err
}

// WatchedTable is the table of a watch event, of one row.
func WatchedTable(event WatchEvent) (*metav1.Table, error) {
	table := &metav1.Table{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(event.Raw, table); err != nil {
		return nil, &Error{Reason: ReasonInvalidAnswer, Err: err}
	}
	if table.Kind == "Table" {
		return table, nil
	}
	object := unstructured.Unstructured{}
	if err := object.UnmarshalJSON(event.Raw); err != nil {
		return nil, &Error{Reason: ReasonInvalidAnswer, Err: err}
	}
	return tableOf([]unstructured.Unstructured{object}), nil
}

// tableOf stands in for a server that answers a request for a Table with
// objects, as aggregated API servers may: name and age, as kubectl shows then.
func tableOf(items []unstructured.Unstructured) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Name", Type: "string", Format: "name"},
		{Name: "Age", Type: "string"},
	}}
	for i := range items {
		age := "<unknown>"
		if created := items[i].GetCreationTimestamp(); !created.IsZero() {
			age = duration.HumanDuration(time.Since(created.Time))
		}
		row := metav1.TableRow{Cells: []any{items[i].GetName(), age}}
		row.Object.Object = &items[i]
		table.Rows = append(table.Rows, row)
	}
	return table
}
