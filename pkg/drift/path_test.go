package drift_test

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
)

// What is printed can be given to --ignore.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"spec.replicas", `.metadata.labels["a.b/c"].*`, `a[name=x,y="z,]"][*][0]`, `["]"]`, "a..b", "a[", "[x]", "a.", "*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := drift.ParsePath(text)
		if err != nil {
			return
		}
		again, err := drift.ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%q is %q, and that is %q: %v", text, p, again, err)
		}
	})
}

func TestParsePathRefuses(t *testing.T) {
	for _, text := range []string{"", ".", "a.", "a..b", "a.[0]", "a[", "a[]", "a[x]", "a[name=x", `a["x]`, `a["x"`, "a b", `a[name="x"y]`, "a[0", "a[-1]"} {
		if p, err := drift.ParsePath(text); err == nil {
			t.Errorf("%q is %q", text, p)
		}
	}
	for _, text := range []string{"a,", ",", `a["b`, `a["\`, "a,,b"} {
		if p, err := drift.ParsePaths(text); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
}
