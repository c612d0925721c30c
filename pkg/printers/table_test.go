package printers_test

import (
	"bytes"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func TestTable(t *testing.T) {
	table := func() *metav1.Table {
		return &metav1.Table{
			ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name"}, {Name: "Count"}, {Name: "IP", Priority: 1}},
			Rows: []metav1.TableRow{
				{Cells: []any{"web", int64(1000000), "10.0.0.1"}},
				{Cells: []any{"a\x1b[31mred\a\u009b1m", int64(2), nil}},
				{Cells: []any{"two\nlines", int64(3), ""}},
				{Cells: []any{"forged\tReady", []any{"a\tb"}, ""}},
			},
		}
	}
	for _, tc := range []struct {
		options printers.TableOptions
		want    string
	}{
		{printers.TableOptions{}, "NAME                       COUNT\nweb                        1000000\na^[[31mred\\u0007\\u009b1m   2\ntwo...                     3\nforged\\tReady              [a\\tb]\n"},
		{printers.TableOptions{NoHeaders: true}, "web                        1000000\na^[[31mred\\u0007\\u009b1m   2\ntwo...                     3\nforged\\tReady              [a\\tb]\n"},
		{printers.TableOptions{Wide: true}, "NAME                       COUNT     IP\nweb                        1000000   10.0.0.1\na^[[31mred\\u0007\\u009b1m   2         \ntwo...                     3         \nforged\\tReady              [a\\tb]    \n"},
	} {
		var out bytes.Buffer
		if err := printers.Table(&out, table(), tc.options); err != nil {
			t.Fatal(err)
		}
		if out.String() != tc.want {
			t.Errorf("%+v:\n%q\nwant\n%q", tc.options, out.String(), tc.want)
		}
	}
}

func TestATableWithoutRowsPrintsNothing(t *testing.T) {
	var out bytes.Buffer
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name"}}}
	if err := printers.Table(&out, table, printers.TableOptions{}); err != nil || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünï and 生産": "plain, ünï and 生産",
		"lines\nand\ttabs":  "lines\nand\ttabs",
		"\x1b]0;owned\a":    `^[]0;owned\u0007`,
		"over\rwritten":     `over\rwritten`,
		"\u202egnp.exe":     `\u202egnp.exe`,
		"c1 \u009b31m":      `c1 \u009b31m`,
	} {
		if got := printers.Escape(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b[2J\r\b\x00\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range printers.Escape(text) {
			if r != '\n' && r != '\t' && (r < 0x20 || r >= 0x7f && r < 0xa0) {
				t.Errorf("%q lets %U through", text, r)
			}
		}
	})
}
