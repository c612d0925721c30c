package state

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// packed is how a record has a text.
func packed(f *testing.F, text string) []byte {
	f.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	return b.Bytes()
}

// Whatever a record holds is a value, or an error that names the Secret.
func FuzzJournal(f *testing.F) {
	f.Add(packed(f, `{"schema":1}`))
	f.Add(packed(f, `[]`))
	f.Add(packed(f, `{"schema":"x"}`))
	f.Add([]byte{})
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, data []byte) {
		j := &Journal{store: Store{Namespace: "n"}, record: &Record{Name: "r", Data: map[string][]byte{journalKey: data}}}
		var value struct {
			Schema int `json:"schema"`
		}
		if err := j.Decode(&value); err != nil && !bytes.Contains([]byte(err.Error()), []byte("secret n/r: ")) {
			t.Error(err)
		}
	})
}
