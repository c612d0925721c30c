package render_test

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// Nothing that is typed of images crashes.
func FuzzParseImage(f *testing.F) {
	for _, text := range []string{"nginx=nginx:1.27", "nginx:1.27", "a=b@sha256:0", "=", "east:a=b", "docker.io=registry.example", "a@", ":", "A=b"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = render.ParseImageChange(text)
		_, _ = render.ParseRegistry(text)
	})
}
