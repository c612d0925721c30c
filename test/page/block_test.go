package page

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommands(t *testing.T) {
	page := strings.ReplaceAll("# A page\n~~~console\n$ one\nsays\nthis\n$ two\n~~~\n~~~text\n$ not run\n~~~\n~~~sh\nthree\nand more\n~~~\n~~~\nnor this\n~~~\n", "~~~", "```")
	want := []command{{3, "one", []string{"says", "this"}}, {6, "two", []string{}}, {12, "three\nand more\n", nil}}
	if diff := cmp.Diff(want, commands(page), cmp.AllowUnexported(command{})); diff != "" {
		t.Error(diff)
	}
}

func TestSays(t *testing.T) {
	const text = "NAME   AGE\nweb-1    3s\nweb-2   4s\n"
	for _, tc := range []struct {
		want string
		is   bool
	}{
		{"NAME AGE\nweb-1 3s\nweb-2 4s", true},
		{"NAME          AGE\nweb-1         …\nweb-…         4s", true},
		{"…\nweb-2 …", true},
		{"NAME AGE\n…", true},
		{"…", true},
		{"NAME AGE\nweb-1 3s\n…\nweb-2 4s", true},
		{"", false},
		{"NAME AGE\nweb-1 3s", false},
		{"NAME AGE\nweb.1 3s\nweb-2 4s", false},
		{"…\nweb-1 …", false},
		{"NAME AGE\nweb-… 5s\n…", false},
	} {
		want := strings.Split(tc.want, "\n")
		if tc.want == "" {
			want = nil
		}
		if is := says(text, want); is != tc.is {
			t.Errorf("%q: %t", tc.want, is)
		}
	}
}
