package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseItems(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want []Item
	}{
		{[]string{"pods"}, []Item{{Type: "pods"}}},
		{[]string{"pods", "a", "b"}, []Item{{Type: "pods", Names: []string{"a", "b"}}}},
		{[]string{"pods,svc"}, []Item{{Type: "pods"}, {Type: "svc"}}},
		{[]string{"pods,svc", "a"}, []Item{{Type: "pods", Names: []string{"a"}}, {Type: "svc", Names: []string{"a"}}}},
		{[]string{"pod/a", "svc/b", "pod/c"}, []Item{{Type: "pod", Names: []string{"a", "c"}}, {Type: "svc", Names: []string{"b"}}}},
		{[]string{"deployments.v1.apps/web"}, []Item{{Type: "deployments.v1.apps", Names: []string{"web"}}}},
	} {
		got, err := ParseItems(tc.args)
		if err != nil {
			t.Errorf("%q: %v", tc.args, err)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(Item{}), cmp.Transformer("nil", func(s []string) []string {
			return append([]string{}, s...)
		})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.args, diff)
		}
	}
}

func TestParseItemsRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {""}, {"pods,"}, {"pod/a", "b"}, {"pods", "svc/b"}, {"pod/"}, {"/a"}, {"pod/a/b"}} {
		if got, err := ParseItems(args); err == nil {
			t.Errorf("%q became %v", args, got)
		}
	}
}

func TestValidate(t *testing.T) {
	named := []Item{{Type: "pods", Names: []string{"a"}}}
	for what, r := range map[string]Request{
		"a name over all namespaces": {Items: named, AllNamespaces: true},
		"a name and a selector":      {Items: named, LabelSelector: "a=b"},
		"a name that climbs":         {Items: []Item{{Type: "pods", Names: []string{".."}}}},
		"an empty name":              {Items: []Item{{Type: "pods", Names: []string{"a", ""}}}},
		"a namespace that climbs":    {Items: []Item{{Type: "pods"}}, Namespace: "a/../b"},
	} {
		if r.Validate() == nil {
			t.Errorf("%s is let through", what)
		}
	}
	if err := (Request{Items: []Item{{Type: "pods"}}, AllNamespaces: true, LabelSelector: "a=b"}).Validate(); err != nil {
		t.Error(err)
	}
}
