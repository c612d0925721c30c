package hub

import "testing"

// What a hub's controllers note on a Work is read, or known not to be.
func FuzzApplied(f *testing.F) {
	f.Add(`[{"policyName":"p","overriders":{"plaintext":[{"path":"/spec","operator":"replace","value":1}]}}]`)
	f.Add(`[null]`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		w := &work{}
		w.Annotations = map[string]string{}
		for _, annotation := range overridesAnnotations() {
			w.Annotations[annotation] = text
		}
		all, known := w.applied()
		if !known && len(all) > 0 {
			t.Errorf("%q is not known, and is %v", text, all)
		}
		for i := range all {
			_ = overriddenBy(all[i].Overriders)
		}
	})
}
