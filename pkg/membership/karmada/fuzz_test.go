package karmada

import "testing"

// A role that is taken has the rules of its file, all of them, and no others.
func FuzzParseRole(f *testing.F) {
	const head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
	f.Add([]byte(head + "rules: [{verbs: [get], apiGroups: [''], resources: [pods]}, {verbs: [get], nonResourceURLs: ['/healthz']}]\n"))
	f.Add([]byte(head + "rules: [null]\n"))
	f.Add([]byte(head + "rules: []\n"))
	f.Add([]byte(head + "aggregationRule: {}\nrules: [{}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		role, err := ParseRole("r", text)
		if err != nil {
			return
		}
		everywhere, inside := role.split([]string{"n"})
		whole, none := role.split(nil)
		if len(everywhere)+len(inside) == 0 || len(whole) != len(everywhere)+len(inside) || len(none) > 0 {
			t.Errorf("%d and %d rules, or %d", len(everywhere), len(inside), len(whole))
		}
	})
}
