package query

import (
	"strings"
	"testing"
)

// Whatever is looked for, in whatever a pod says that it runs: a pattern without
// globs means the image that it is.
func FuzzImagePattern(f *testing.F) {
	for _, image := range []string{"nginx", "nginx:1.27", "registry.example:5000/pay/ledger@sha256:91f", "sha256:91f", "docker.io/nginx", "a//b", "[", "@", ":"} {
		f.Add(image, image, "sha256:91f0")
	}
	f.Fuzz(func(t *testing.T, pattern, image, running string) {
		p, err := ParseImagePattern(pattern)
		if err != nil {
			return
		}
		_ = p.Matches(image, running)
		_ = digestOf(image)
		if !strings.ContainsAny(pattern, `*?[\@:`) && !p.Matches(pattern, "") {
			t.Errorf("%q is not found by its own name", pattern)
		}
	})
}

// Whatever is typed behind a verb: what is taken has a type, and a name without
// what would lead a request elsewhere.
func FuzzParseItems(f *testing.F) {
	for _, text := range []string{"pods", "pods a b", "deploy/a svc/b", "a,b", "pods ..", "/", "a/", "pods a/b", "deployments.v1.apps x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, err := ParseItems(strings.Fields(text))
		if err != nil || (Request{Items: items}).Validate() != nil {
			return
		}
		for _, i := range items {
			for _, name := range i.Names {
				if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/%") {
					t.Errorf("%q has the name %q", text, name)
				}
			}
		}
	})
}
