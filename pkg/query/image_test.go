package query

import "testing"

func TestImagePattern(t *testing.T) {
	const digest = "sha256:91f0a1"
	for _, test := range []struct {
		pattern, image, running string
		want                    bool
	}{
		{"pay", "registry/pay:1.9", "", true},
		{"pay", "registry/pay/api:2", "", true},
		{"pa", "registry/pay:1.9", "", false},
		{"registry/pay", "registry.example/registry/pay", "", true},
		{"registry/api", "registry/pay/api", "", false},
		{"registry/pay:1.9", "registry/pay:1.9", "", true},
		{"registry/pay:1.9", "registry/pay/batch:1.9", "", false},
		{"pay:1.9", "registry/pay:1.90", "", false},
		{"pay:1.*", "registry/pay:1.90", "", true},
		{"p*y", "registry/pay", "", true},
		{"nginx:latest", "nginx", "", true},
		{"nginx:latest", "nginx@" + digest, "", false},
		{"docker.io/nginx", "nginx:1", "", true},
		{"docker.io/library/nginx", "nginx:1", "", true},
		{"nginx", "index.docker.io/library/nginx", "", true},
		{"docker.io/nginx", "ghcr.io/nginx", "", false},
		{"localhost:5000/pay", "localhost:5000/pay:1", "", true},
		{"localhost:5000/pay:2", "localhost:5000/pay:1", "", false},
		{"docker.io/pay", "localhost/pay", "", false},
		{digest, "anything:1", digest, true},
		{"sha256:91f", "anything:1", digest, true},
		{"sha256:92f", "anything:1", digest, false},
		{digest, "pay@" + digest, "", true},
		{digest, "anything:1", "", false},
		{"pay@sha256:91f", "registry/pay:1", digest, true},
		{"pay@sha256:91f", "registry/web:1", digest, false},
		{"pay:1@sha256:91f", "registry/pay:2", digest, false},
		{"a/b/c/d/e/f", "nginx", "", false},
		{"a/b/c/d/e/f:1", "nginx:1", "", false},
	} {
		p, err := ParseImagePattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Matches(test.image, test.running); got != test.want {
			t.Errorf("%q matches %q, running %q: %v", test.pattern, test.image, test.running, got)
		}
	}
	for _, bad := range []string{"", "a//b", "/a", "a/", "[", "a:[", "a@md5:1"} {
		if _, err := ParseImagePattern(bad); err == nil {
			t.Errorf("%q is taken for an image", bad)
		}
	}
}

func TestDigestOf(t *testing.T) {
	for id, want := range map[string]string{
		"":                                      "",
		"sha256:1":                              "sha256:1",
		"docker.io/library/nginx@sha256:2":      "sha256:2",
		"docker-pullable://registry/a@sha256:3": "sha256:3",
		"registry/a:1":                          "",
	} {
		if got := digestOf(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}
