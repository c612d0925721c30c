package fakefleet

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/util/jsonpath"
)

// column is one column of a type's server-side table.
type column struct {
	metav1.TableColumnDefinition
	cell func(*unstructured.Unstructured) any
}

func textColumn(name string, priority int32, cell func(*unstructured.Unstructured) any) column {
	return column{metav1.TableColumnDefinition{Name: name, Type: "string", Priority: priority}, cell}
}

func nameColumn() column {
	c := textColumn("Name", 0, func(o *unstructured.Unstructured) any { return o.GetName() })
	c.Format = "name"
	return c
}

func ageColumn() column {
	return textColumn("Age", 0, func(o *unstructured.Unstructured) any {
		created := o.GetCreationTimestamp()
		if created.IsZero() {
			return "<unknown>"
		}
		return duration.HumanDuration(time.Since(created.Time))
	})
}

// field is a string field of the object.
func field(fields ...string) func(*unstructured.Unstructured) any {
	return func(o *unstructured.Unstructured) any {
		value, _, _ := unstructured.NestedString(o.Object, fields...)
		if value == "" {
			return "<none>"
		}
		return value
	}
}

func podColumns() []column {
	return []column{
		nameColumn(),
		textColumn("Ready", 0, func(o *unstructured.Unstructured) any {
			if phase, _, _ := unstructured.NestedString(o.Object, "status", "phase"); phase == "Running" {
				return "1/1"
			}
			return "0/1"
		}),
		textColumn("Status", 0, field("status", "phase")),
		textColumn("Restarts", 0, func(*unstructured.Unstructured) any { return "0" }),
		ageColumn(),
		textColumn("IP", 1, field("status", "podIP")),
		textColumn("Node", 1, field("spec", "nodeName")),
	}
}

func nodeColumns() []column {
	return []column{
		nameColumn(),
		textColumn("Status", 0, func(o *unstructured.Unstructured) any {
			status := "NotReady"
			conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
			for _, c := range conditions {
				condition, _ := c.(map[string]any)
				if condition["type"] == "Ready" && condition["status"] == "True" {
					status = "Ready"
				}
			}
			if cordoned, _, _ := unstructured.NestedBool(o.Object, "spec", "unschedulable"); cordoned {
				status += ",SchedulingDisabled"
			}
			return status
		}),
		textColumn("Version", 0, field("status", "nodeInfo", "kubeletVersion")),
		ageColumn(),
	}
}

func deploymentColumns() []column {
	number := func(o *unstructured.Unstructured, fields ...string) int64 {
		n, _, _ := unstructured.NestedInt64(o.Object, fields...)
		return n
	}
	available := column{
		metav1.TableColumnDefinition{Name: "Available", Type: "integer"},
		func(o *unstructured.Unstructured) any { return number(o, "status", "availableReplicas") },
	}
	return []column{
		nameColumn(),
		textColumn("Ready", 0, func(o *unstructured.Unstructured) any {
			return fmt.Sprintf("%d/%d", number(o, "status", "readyReplicas"), number(o, "spec", "replicas"))
		}),
		available,
		ageColumn(),
	}
}

// customColumn is one entry of a CRD's additionalPrinterColumns. A path that
// finds nothing leaves the cell empty, as apiextensions' table convertor does.
func customColumn(definition map[string]any) column {
	text := func(name string) string { s, _ := definition[name].(string); return s }
	priority, _ := definition["priority"].(int64)
	c := column{TableColumnDefinition: metav1.TableColumnDefinition{
		Name: text("name"), Type: text("type"), Format: text("format"), Priority: int32(priority), //nolint:gosec // a small number
	}}
	path := jsonpath.New(c.Name).AllowMissingKeys(true)
	parsed := path.Parse("{" + text("jsonPath") + "}")
	c.cell = func(o *unstructured.Unstructured) any {
		if parsed != nil {
			return nil
		}
		found, err := path.FindResults(o.Object)
		if err != nil || len(found) == 0 || len(found[0]) == 0 {
			return nil
		}
		if c.Type == "date" {
			at, err := time.Parse(time.RFC3339, fmt.Sprint(found[0][0].Interface()))
			if err != nil {
				return "<unknown>"
			}
			return duration.HumanDuration(time.Since(at))
		}
		return found[0][0].Interface()
	}
	return c
}
