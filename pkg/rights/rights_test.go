package rights_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

const table = `
# a comment
look cluster get namespaces kube-system
look work get,list *
look work list pods
look work list services
look cluster list pods
look state get,create secrets
seek cluster list *.*
seek cluster list pods
still none
`

// What is asked for is joined to as few rules as there can be, in the namespaces where
// that is enough.
func TestRoles(t *testing.T) {
	parsed, err := rights.Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	const (
		clusterRole = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"p:look"},"rules":[`
		kubeSystem  = `{"apiGroups":[""],"resourceNames":["kube-system"],"resources":["namespaces"],"verbs":["get"]}`
		state       = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"p:look","namespace":"s"},"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get","create"]}]}`
		shop        = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"p:look","namespace":"shop"},"rules":[`
	)
	for _, tc := range []struct {
		what    string
		request rights.Request
		want    []string
	}{
		{"everywhere", rights.Request{}, []string{
			clusterRole + `{"apiGroups":[""],"resources":["pods","services"],"verbs":["list"]},` + kubeSystem + `]}`, state,
		}},
		{"types", rights.Request{Types: []string{"pods", "deployments.apps"}}, []string{
			clusterRole + `{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]},{"apiGroups":[""],"resources":["services"],"verbs":["list"]},` +
				kubeSystem + `,{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","list"]}]}`, state,
		}},
		{"a namespace", rights.Request{Namespaces: []string{"shop"}, Types: []string{"deployments.apps"}}, []string{
			clusterRole + `{"apiGroups":[""],"resources":["pods"],"verbs":["list"]},` + kubeSystem + `]}`, state,
			shop + `{"apiGroups":[""],"resources":["pods","services"],"verbs":["list"]},{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","list"]}]}`,
		}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			tc.request.StateNamespace = "s"
			var got []string
			for _, role := range parsed.Roles("p", "look", tc.request) {
				text, err := json.Marshal(role.Object)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(text))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
		})
	}
	// What looks through all types may look at all, unless they are named.
	for want, types := range map[string][]string{
		`[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]},{"apiGroups":["*"],"resources":["*"],"verbs":["list"]}]`:              nil,
		`[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]},{"apiGroups":["apps"],"resources":["deployments"],"verbs":["list"]}]`: {"deployments.apps"},
	} {
		roles := parsed.Roles("p", "seek", rights.Request{Types: types})
		if got, err := json.Marshal(roles[0].Object["rules"]); err != nil || len(roles) != 1 || string(got) != want {
			t.Errorf("rules: %s, want %s", got, want)
		}
	}
	if roles := parsed.Roles("p", "still", rights.Request{}); len(roles) > 0 {
		t.Errorf("a command that asks for nothing has %v", roles)
	}
}

// A table that is written is read as it was; nonsense is refused.
func TestParse(t *testing.T) {
	first, err := rights.Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rights.Parse(first.Format())
	if err != nil || again.Format() != first.Format() || len(again) != 9 {
		t.Errorf("%v\n%s", err, again.Format())
	}
	if diff := cmp.Diff([]string{"look", "seek", "still"}, first.Commands()); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(first.Verbs("look", rights.AskedFor), ","); got != "get,list" || first.Verbs("still", rights.AskedFor) != nil {
		t.Errorf("verbs: %s", got)
	}
	for _, bad := range []string{"look", "look cluster get", "look cluster get pods a b"} {
		if _, err := rights.Parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
