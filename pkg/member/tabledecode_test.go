package member

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// tables are answers that the library decodes, or refuses; quick says whether
// quickTable takes them.
func tables() map[string]struct {
	text  string
	quick bool
} {
	type answer = struct {
		text  string
		quick bool
	}
	around := func(rows string) string {
		return `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7","continue":"x","remainingItemCount":3},` +
			`"columnDefinitions":[{"name":"Name","type":"string","format":"name","description":"","priority":0}],"rows":[` + rows + "]}\n"
	}
	return map[string]answer{
		"metadata": {around(`{"cells":["a",1000000,1.5,true,null],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":` +
			`{"managedFields":[{"namespace":"not this","f":{"k:{\"name\":\"}\"}":{".":{}}}}],"name":"a","namespace":"n","resourceVersion":"17","labels":{"l":"\u00e9"}}}}`), true},
		"two rows":         {around(`{"cells":["a"],"object":{"metadata":{"name":"a","namespace":"n"}}} , {"cells":["b"],"object":{"metadata":{"namespace":"m","name":"b"}}}`), true},
		"equal cells":      {around(`{"cells":["\u003cnone\u003e",0,null,["x"],"é"]},{"cells":["\u003cnone\u003e",0,null,["x"],"é"]}`), true},
		"no objects":       {around(`{"cells":["a"],"object":null},{"cells":["b"]}`), true},
		"no rows":          {around(""), true},
		"conditions":       {around(`{"cells":["a"],"conditions":[{"type":"Completed","status":"True"}],"object":null}`), true},
		"escaped text":     {around(`{"cells":["\u003cnone\u003e"],"object":{"metadata":{"namespace":"n\u002d1","name":"a"}}}`), true},
		"last key counts":  {around(`{"cells":["a"],"object":{"metadata":{"namespace":"n","namespace":"m"}}}`), true},
		"space":            {" {\n\"kind\" : \"Table\" ,\t\"rows\" : [ ] }\r\n", true},
		"escaped key":      {around(`{"cells":["a"],"object":{"metadata":{"n\u0061mespace":"n"}}}`), false},
		"not a table":      {`{"kind":"PodList","items":[]}`, false},
		"half":             {around(`{"cells":["a"],"object":null}`)[:150], false},
		"something behind": {around("") + "x", false},
		"missing comma":    {around(`{"cells":["a"] "object":null}`), false},
		"trailing comma":   {around(`{"cells":["a"]},`), false},
		"garbled cells":    {around(`{"cells":[tru],"object":null}`), false},
		"garbled word":     {around(`{"cells":["a"],"other":nul,"object":null}`), false},
		"rows null":        {`{"kind":"Table","rows":null}`, false},
		"empty":            {"", false},
	}
}

// TestQuickTable: what it takes it decodes as the library does, namespaces above
// all; what it refuses is the library's.
func TestQuickTable(t *testing.T) {
	t.Parallel()
	for name, c := range tables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, quick := quickTable([]byte(c.text)); quick != c.quick {
				t.Errorf("taken: %t, want %t", quick, c.quick)
			}
			compare(t, []byte(c.text))
		})
	}
}

// FuzzQuickTable: nothing that the library reads is read differently.
func FuzzQuickTable(f *testing.F) {
	for _, c := range tables() {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want metav1.Table
		if kjson.UnmarshalCaseSensitivePreserveInts(data, &want) == nil {
			compare(t, data)
		}
	})
}

func compare(t *testing.T, data []byte) {
	t.Helper()
	want := &metav1.Table{}
	wantErr := kjson.UnmarshalCaseSensitivePreserveInts(data, want)
	got, err := decodeTable(data, metav1.IncludeMetadata)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	if err != nil {
		return
	}
	if len(got.Rows) != len(want.Rows) {
		t.Fatalf("%d rows, want %d", len(got.Rows), len(want.Rows))
	}
	for i := range want.Rows {
		gotMeta, gotErr := RowMeta(got.Rows[i])
		wantMeta, wantErr := RowMeta(want.Rows[i])
		if wantErr != nil {
			continue // an object that is none: the library takes it for now, RowMeta does not
		}
		if diff := cmp.Diff(wantMeta, gotMeta); gotErr != nil || diff != "" {
			t.Errorf("row %d: %v (-want +got)\n%s", i, gotErr, diff)
		}
		got.Rows[i].Object = want.Rows[i].Object
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
