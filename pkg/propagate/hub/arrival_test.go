package hub

import (
	"fmt"
	"testing"
)

// What a cluster is brought beside its template: replicas, and fields of overrides that
// come, change, stay or go; nothing of what Karmada notes or leaves out.
func TestArrival(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	of := func(replicas int64, grace any, notes ...string) object {
		spec := object{"replicas": replicas, "paused": false}
		if grace != nil {
			spec["grace"] = grace
		}
		labels := object{"app": "web"}
		for _, note := range notes {
			labels[note] = "x"
		}
		return object{"metadata": object{"name": "web", "labels": labels}, "spec": spec}
	}
	template := of(10, int64(30))
	template["spec"].(object)["clusterIP"] = "10.0.0.1"
	brought := of(9, int64(5), "work.karmada.io/permanent-id")
	for name, test := range map[string]struct {
		arrival
		want string
	}{
		"as it is":        {arrival{template, of(10, nil), brought, of(9, int64(5))}, ""},
		"divided anew":    {arrival{template, of(10, nil), brought, of(5, int64(5))}, "spec.replicas 9 5;"},
		"divided no more": {arrival{template, of(10, nil), brought, of(10, int64(5))}, "spec.replicas 9 10;"},
		"changed":         {arrival{template, of(10, nil), brought, of(9, int64(6))}, "spec.grace 5 6;"},
		"gone":            {arrival{template, of(10, nil), brought, of(9, nil)}, "spec.grace 5 30;"},
		"come":            {arrival{template, of(10, nil), of(9, int64(30)), of(9, int64(7))}, "spec.grace 30 7;"},
		"the template's":  {arrival{template, of(10, int64(40)), of(9, int64(30)), of(9, int64(40))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for _, d := range test.fields() {
				got += fmt.Sprintf("%s %v %v;", d.Path, d.Reference, d.Value)
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
