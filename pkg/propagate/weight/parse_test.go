package weight_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

func TestParse(t *testing.T) {
	got, err := weight.Parse("prod=90, dr=10,off=0,user@host=name=2147483648")
	want := []weight.Weight{{Cluster: "prod", Weight: 90}, {Cluster: "dr", Weight: 10}, {Cluster: "off"}, {Cluster: "user@host=name", Weight: 1 << 31}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for text, says := range map[string]string{
		"":                         "want CLUSTER=WEIGHT",
		"a=1,":                     `"": want CLUSTER=WEIGHT`,
		"a":                        `"a": want CLUSTER=WEIGHT`,
		"a=1,=2":                   `"=2": which cluster?`,
		"a=1,prod-*=2":             `"prod-*=2": a weight is one cluster's`,
		"^a=1":                     `"^a=1": a weight is one cluster's`,
		"a=1,b=2,a=1":              `"a=1": a has one already`,
		"a=1,b=-2":                 `"b=-2": want a whole number from 0 to 2147483648`,
		"a=2147483649":             `"a=2147483649": want a whole number`,
		"a=1e3":                    `"a=1e3": want a whole number`,
		"a=":                       `"a=": want a whole number`,
		"a=1.5":                    `"a=1.5": want a whole number`,
		"a=+1":                     `"a=+1": want a whole number`,
		"a= 1":                     `"a= 1": want a whole number`,
		"a=9999999999999999999999": "want a whole number",
	} {
		if got, err := weight.Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v; want %s", text, got, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("prod=90,dr=10")
	f.Add("a=b=1, c=0")
	f.Add("x=-1,*=2,,^y=99999999999")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := weight.Parse(text)
		if err != nil {
			if list != nil {
				t.Errorf("%q: %v and %v", text, list, err)
			}
			return
		}
		var pairs []string
		for _, w := range list {
			pairs = append(pairs, fmt.Sprintf("%s=%d", w.Cluster, w.Weight))
		}
		again, err := weight.Parse(strings.Join(pairs, ","))
		if err != nil || !slices.Equal(again, list) {
			t.Errorf("%q is %v; written out and read again %v, %v", text, list, again, err)
		}
		if _, err := weight.Split(0, list); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
