package render_test

import (
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

func TestParseErrors(t *testing.T) {
	const form = "CLUSTERS:/FIELD/PATH=VALUE or CLUSTERS:TYPE/NAME:/FIELD/PATH=VALUE"
	override := func(text string) error { _, err := render.ParseOverride(text); return err }
	image := func(text string) error { _, err := render.ParseImageChange(text); return err }
	registry := func(text string) error { _, err := render.ParseRegistry(text); return err }
	tests := []struct {
		parse      func(string) error
		text, want string // "" is no error
	}{
		{override, "a:/b=1", ""},
		{override, "a:role/system:x:/b=1", ""},
		{override, "/spec/replicas=1", "want " + form},
		{override, "a:/b", "what is the field to be? Want " + form},
		{override, ":/b=1", `empty cluster name in ""`},
		{override, "a:x:/b=1", `"x": want TYPE/NAME`},
		{override, "a:x/:/b=1", `"x/": want TYPE/NAME`},
		{override, "a:[/x:/b=1", `"[/x": "[" is no glob`},
		{override, "a:/b//c=1", "/b//c has an empty part"},
		{override, "a:/b=", `the value is empty: "" is an empty text, and null takes the field away`},
		{override, `a:/b=""`, ""},
		{override, "a:/b={", "the value is no YAML: "},
		{override, "a:/metadata/name=x", "/metadata/name says which object it is, and cannot be overridden; a value of the manifest may have ${cluster.name}"},
		{image, "a=b:1", ""},
		{image, "a:1", ""},
		{image, "a", "want NAME=NAME[:TAG|@DIGEST], NAME:TAG or NAME@DIGEST"},
		{image, "a:1=b", "NAME is the image's without tag and digest"},
		{image, "a=", `"" is no image: `},
		{image, "A=b", `"A" is no image: `},
		{registry, "mirror.example:5000/x/", ""},
		{registry, "localhost", ""},
		{registry, "https://m.example", "leave the scheme away"},
		{registry, "mirror", "mirror is no host: it has neither a dot nor a port"},
		{registry, "", "want HOST[/PATH]"},
	}
	for _, test := range tests {
		err := test.parse(test.text)
		switch {
		case (err == nil) != (test.want == ""):
			t.Errorf("%q: got %v, want %q", test.text, err, test.want)
		case err != nil && !strings.Contains(err.Error(), `"`+test.text+`": `+test.want):
			t.Errorf("%q: got %v, want …%q", test.text, err, test.want)
		}
	}
}

// What is no variable of ours stays, byte for byte; what is one is gone; and text
// that has been escaped comes out as it was.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{"", "a", "${cluster.name}", "$${cluster.name}", "$$${cluster.name}", "${cluster.", "${HOME}", "${cluster.label.a}x${cluster.label.b}"} {
		f.Add(text)
	}
	c := inventory.Cluster{Name: "east", Labels: map[string]string{"a": "b"}}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := render.Expand(text, c)
		if !render.HasVariables(text) && (err != nil || got != text) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
		escaped := strings.ReplaceAll(text, "${cluster.", "$${cluster.")
		if got, err := render.Expand(escaped, c); err != nil || got != text {
			t.Errorf("%q, escaped, became %q, %v", text, got, err)
		}
	})
}

// Nothing that is typed crashes, and what is taken says again what it was.
func FuzzParseOverride(f *testing.F) {
	for _, text := range []string{"a:/b=1", "a,^b:deploy/x:/c~1d/0/-={x: [1]}", "a:/=1", "::/=:/", "a:/b=null"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if o, err := render.ParseOverride(text); err == nil && o.String() != text {
			t.Errorf("%q is %q", text, o)
		}
	})
}
