package script

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"
)

// oneDocument reads exactly one JSON document.
func oneDocument(ts *testscript.TestScript, text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	var document any
	ts.Check(decoder.Decode(&document))
	if err := decoder.Decode(new(any)); err != io.EOF {
		ts.Fatalf("there is more behind the document: %v", err)
	}
	return document
}

func cmdJSONValid(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	oneDocument(ts, ts.ReadFile(args[0]))
}

func cmdYAMLValid(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	text := ts.ReadFile(args[0])
	if strings.Contains(text, "\n---") {
		ts.Fatalf("more than one document")
	}
	var document map[string]any
	ts.Check(yaml.UnmarshalStrict([]byte(text), &document))
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3, 3)
	text := ts.ReadFile(args[0])
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		data, err := yaml.YAMLToJSON([]byte(text))
		ts.Check(err)
		text = string(data)
	}
	path := jsonpath.New(args[1])
	ts.Check(path.Parse(args[1]))
	var got bytes.Buffer
	if err := path.Execute(&got, oneDocument(ts, text)); err != nil {
		ts.Fatalf("%v", err)
	}
	if diff := cmp.Diff(args[2], got.String()); diff != "" {
		ts.Fatalf("%s (-want +got):\n%s", args[1], diff)
	}
}
