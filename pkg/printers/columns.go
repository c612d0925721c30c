package printers

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Columns are those of a table of ours, by their names.
func Columns(names ...string) []metav1.TableColumnDefinition {
	definitions := make([]metav1.TableColumnDefinition, len(names))
	for i, name := range names {
		definitions[i] = metav1.TableColumnDefinition{Name: name, Type: "string"}
	}
	return definitions
}

// None is what stands in a cell without a value, as kubectl writes it.
const None = "<none>"

// OrNone is a cell's text, or None.
func OrNone(text string) string {
	if text == "" {
		return None
	}
	return text
}
