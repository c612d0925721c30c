package printers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func object(kind, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": kind,
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"replicas": int64(1000000), "text": "<a> & \"b\"\nc: d"},
	}}
}

func failure() []v1alpha1.Failure {
	return []v1alpha1.Failure{{Cluster: "west", Reason: "Timeout", Message: "no answer: \"x\"\n", Rows: 3}}
}

func printed(t *testing.T, format string, failures []v1alpha1.Failure, objects ...*unstructured.Unstructured) string {
	t.Helper()
	f, err := printers.ParseFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p, err := printers.NewListPrinter(&out, f, printers.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if err := p.Print("east", o); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(failures); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// However many items and failures, JSON and YAML are one valid List that holds
// exactly what was printed.
func TestListsAreOneValidDocument(t *testing.T) {
	type list struct {
		APIVersion string             `json:"apiVersion"`
		Kind       string             `json:"kind"`
		Items      []map[string]any   `json:"items"`
		Failures   []v1alpha1.Failure `json:"failures"`
		Metadata   *map[string]any    `json:"metadata"`
	}
	for _, format := range []string{"json", "yaml"} {
		for n := range 3 {
			for _, failures := range [][]v1alpha1.Failure{nil, failure()} {
				var objects []*unstructured.Unstructured
				for range n {
					objects = append(objects, object("Deployment", "web"))
				}
				text := printed(t, format, failures, objects...)
				unmarshal := json.Unmarshal
				if format == "yaml" {
					unmarshal = func(data []byte, into any) error { return yaml.UnmarshalStrict(data, into) }
				}
				var got list
				if err := unmarshal([]byte(text), &got); err != nil {
					t.Fatalf("%s of %d: %v\n%s", format, n, err, text)
				}
				if got.APIVersion != "v1" || got.Kind != "List" || got.Metadata == nil || len(got.Items) != n || got.Items == nil || got.Failures == nil {
					t.Errorf("%s of %d:\n%s", format, n, text)
				}
				if diff := cmp.Diff(append([]v1alpha1.Failure{}, failures...), got.Failures); diff != "" {
					t.Errorf("%s: failures (-want +got):\n%s", format, diff)
				}
				if n > 0 && got.Items[0]["spec"].(map[string]any)["text"] != "<a> & \"b\"\nc: d" {
					t.Errorf("%s: text came out as %q", format, got.Items[0]["spec"])
				}
				if strings.Contains(text, "e+06") {
					t.Errorf("%s: an integer lost its form:\n%s", format, text)
				}
			}
		}
	}
}

func TestJSONIsIndentedAsKubectlDoes(t *testing.T) {
	got := printed(t, "json", nil, object("Deployment", "web"))
	var plain any
	if err := json.Unmarshal([]byte(got), &plain); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(plain, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	// Keys come in another order only where ours has "failures" behind "items".
	lines := func(text string) map[string]int {
		count := map[string]int{}
		for line := range strings.Lines(text) {
			count[strings.TrimRight(line, ",\n")]++
		}
		return count
	}
	wanted := lines(strings.ReplaceAll(string(want), "1e+06", "1000000"))
	if diff := cmp.Diff(wanted, lines(got)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// What JSON may hold and a terminal obeys is escaped in every form of JSON, and
// means the same.
func TestJSONIsSafeForATerminal(t *testing.T) {
	const evil = "\x7f\u0085\u009b1m\u061c\u200e\u200f\u202a\u202e\u2066\u2069\ufeff"
	o := object("Deployment", "web")
	o.SetAnnotations(map[string]string{"evil": "é世" + evil})
	var event, document bytes.Buffer
	events, err := printers.NewEventPrinter(&event, printers.Format{Name: printers.FormatJSONLines}, true, printers.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Print("c", watch.Added, o); err != nil {
		t.Fatal(err)
	}
	if err := printers.Document(&document, printers.Format{Name: printers.FormatJSON}, o.Object, false); err != nil {
		t.Fatal(err)
	}
	want := `"evil": "é世\u007f\u0085\u009b1m\u061c\u200e\u200f\u202a\u202e\u2066\u2069\ufeff"`
	for form, text := range map[string]string{
		"json": printed(t, "json", nil, o), "jsonl": printed(t, "jsonl", nil, o), "event": event.String(), "document": document.String(),
	} {
		if !json.Valid([]byte(text)) || strings.ContainsAny(text, "\x7f\u0085\u009b\u200e\u202e\u2066") {
			t.Errorf("%s: %q", form, text)
		}
		if !strings.Contains(strings.ReplaceAll(text, `"evil":"`, `"evil": "`), want) {
			t.Errorf("%s: want %s in %s", form, want, text)
		}
	}
	failed := printed(t, "json", []v1alpha1.Failure{{Cluster: "c", Message: "no \u202eway"}})
	if !strings.Contains(failed, `"no \u202eway"`) {
		t.Errorf("failures: %q", failed)
	}
}

func TestOtherFormats(t *testing.T) {
	objects := []*unstructured.Unstructured{object("Deployment", "web"), object("Deployment", "db")}
	for format, want := range map[string]string{
		"name": "east/deployment.apps/web\neast/deployment.apps/db\n",
		"jsonpath={.items[*].metadata.name}|{.failures[*].cluster}": "web db|west",
		"jsonpath={.items[*].no.such}":                              "",
		"custom-columns=N:.metadata.name,R:.spec.replicas":          "N     R\nweb   1000000\ndb    1000000\n",
	} {
		if got := printed(t, format, failure(), objects...); got != want {
			t.Errorf("-o %s:\n%q, want\n%q", format, got, want)
		}
	}
	lines := strings.Split(strings.TrimSpace(printed(t, "jsonl", failure(), objects...)), "\n")
	if len(lines) != 2 {
		t.Fatalf("jsonl has %d lines, want 2", len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, good := range []string{"", "wide", "json", "yaml", "jsonl", "name", "jsonpath={.a}", "custom-columns=A:.a"} {
		if _, err := printers.ParseFormat(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, hint := range map[string]string{"xml": "json", "go-template={{.}}": "jsonpath", "jsonpath": "-o jsonpath=", "json=x": "no argument", "custom-columns=": "expression"} {
		if _, err := printers.ParseFormat(bad); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v, want an error that says %q", bad, err, hint)
		}
	}
}

// A JSONPath that fails must not show what it failed on: it may be Secrets.
func TestAFailingJSONPathShowsNoData(t *testing.T) {
	f, err := printers.ParseFormat("jsonpath={.items[7].metadata.name}")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p, err := printers.NewListPrinter(&out, f, printers.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Print("a", object("Secret", "hunter2")); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(nil); err == nil || strings.Contains(err.Error(), "hunter2") || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteErrorsAreReturned(t *testing.T) {
	for _, format := range []string{"json", "yaml", "jsonl", "name"} {
		f, _ := printers.ParseFormat(format)
		p, err := printers.NewListPrinter(full{}, f, printers.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Print("a", object("Deployment", "web")) == nil {
			t.Errorf("%s: a failed write was swallowed", format)
		}
	}
}

// Whatever text an object has, as keys and values, in YAML it is escaped where a
// terminal or a reader would obey it, and means the same.
func TestYAMLIsSafeForATerminal(t *testing.T) {
	const evil = "\x1b\x7f\u0085\u009b\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029"
	texts := map[string]any{}
	for _, r := range evil {
		for _, text := range []string{string(r), "a" + string(r) + "b", "two\nlines " + string(r) + "\n", `"` + string(r) + `\`, "set-aside-0-end" + string(r)} {
			texts[text] = text
		}
	}
	for i, text := range []string{`\u202e`, "set-aside-0-end", "é世", `\\`, ""} {
		texts[fmt.Sprint(i)] = text
	}
	o := object("Deployment", "web")
	o.Object["texts"] = texts
	text := printed(t, "yaml", []v1alpha1.Failure{{Cluster: "c", Message: "no \u202eway"}}, o)
	if i := strings.IndexAny(text, evil); i >= 0 {
		t.Errorf("%q", text[max(0, i-20):i+20])
	}
	var list struct {
		Items    []struct{ Texts map[string]any }
		Failures []v1alpha1.Failure
	}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(texts, list.Items[0].Texts); diff != "" {
		t.Errorf("it means something else (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, `"no \u202eway"`) || !strings.Contains(text, "é世") {
		t.Errorf("%s", text)
	}
}
