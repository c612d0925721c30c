package query

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Columns are what tables show beside the servers' columns.
type Columns struct {
	// Cluster is whose row it is.
	Cluster bool
	// Kind before each name, as in pod/web. With several types it is there
	// always.
	Kind bool
	// Labels are keys of labels, each a column.
	Labels []string
	// AllLabels is a column with all labels.
	AllLabels bool
}

func (c Columns) withLabels() bool { return len(c.Labels) > 0 || c.AllLabels }

// behind are the server's columns, and those of labels behind them.
func (c Columns) behind(servers []metav1.TableColumnDefinition) []metav1.TableColumnDefinition {
	return append(slices.Clip(servers), c.labelColumns()...)
}

// labelColumns are headed as in kubectl: by the last part of the label's key.
func (c Columns) labelColumns() []metav1.TableColumnDefinition {
	var columns []metav1.TableColumnDefinition
	for _, key := range c.Labels {
		columns = append(columns, metav1.TableColumnDefinition{Name: key[strings.LastIndex(key, "/")+1:], Type: "string"})
	}
	if c.AllLabels {
		columns = append(columns, metav1.TableColumnDefinition{Name: "Labels", Type: "string"})
	}
	return columns
}

func (c Columns) labelCells(of map[string]string) []any {
	var cells []any
	for _, key := range c.Labels {
		cells = append(cells, of[key])
	}
	if c.AllLabels {
		cells = append(cells, labels.FormatLabels(of))
	}
	return cells
}
