package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func TestAbsences(t *testing.T) {
	cluster := func(name string, missing ...absence) answered {
		return answered{cluster: inventory.Cluster{Name: name}, missing: missing}
	}
	noWidgets, noX := absence{item: 0}, absence{item: 0, name: "x"}
	for _, tc := range []struct {
		what     string
		names    []string
		clusters []answered
		want     []string
	}{
		{"nothing is missing", []string{"x"}, []answered{cluster("a"), cluster("b")}, nil},
		{"an object in one of two", []string{"x"}, []answered{cluster("a", noX), cluster("b")},
			[]string{`widgets "x" not found: a`}},
		{"an object nowhere", []string{"x"}, []answered{cluster("a", noX), cluster("b", noX)},
			[]string{`widgets "x" not found: a b everywhere`}},
		{"a type in one of two", nil, []answered{cluster("a", noWidgets), cluster("b")},
			[]string{`the server doesn't have a resource type "widgets": a`}},
		{"a type nowhere says nothing of names", []string{"x"}, []answered{cluster("a", noWidgets), cluster("b", noWidgets)},
			[]string{`the server doesn't have a resource type "widgets": a b everywhere`}},
		{"no type here, no object there", []string{"x"}, []answered{cluster("a", noWidgets), cluster("b", noX)},
			[]string{`the server doesn't have a resource type "widgets": a`, `widgets "x" not found: a b everywhere`}},
		{"nobody answered", []string{"x"}, nil, nil},
	} {
		r := Request{Items: []Item{{Type: "widgets", Names: tc.names}}}
		var got []string
		for _, a := range absences(r, tc.clusters) {
			text := fmt.Sprintf("%s: %s", a.Err, strings.Join(a.Clusters, " "))
			if a.Everywhere {
				text += " everywhere"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.what, diff)
		}
	}
}
