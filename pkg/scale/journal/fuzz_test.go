package journal

import (
	"encoding/json"
	"testing"
)

// Whatever a cluster says of a run: what is taken can be asked all that commands
// ask.
func FuzzJournal(f *testing.F) {
	f.Add(`{"run":"r","nodes":[{"name":"a","phase":"Draining"}],"steps":[{"remover":"node"}]}`)
	f.Add(`{"steps":[null]}`)
	f.Add(`{"growth":{"pool":{"name":"p"},"to":3}}`)
	f.Add(`{"growth":{"pool":{"name":"p","owner":{"count":1}},"to":3}}`)
	f.Fuzz(func(t *testing.T, text string) {
		j := &Journal{}
		if json.Unmarshal([]byte(text), j) != nil || j.check() != nil {
			return
		}
		for _, n := range j.Nodes {
			if j.Node(n.Name) == nil {
				t.Errorf("node %q is there, and is not found", n.Name)
			}
		}
		if j.Growth != nil {
			_ = j.Growth.New()
		}
		for _, s := range j.Steps {
			_ = s.Remover
		}
	})
}
