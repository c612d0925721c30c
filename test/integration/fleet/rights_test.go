package fleet_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/rights"
)

var update = flag.Bool("update", false, "write the table of rbac anew")

// rights is where commands show what they ask for; state is the namespace that they
// remember runs in, if any.
func (p *plugin) rights(t *testing.T, state string) *rights.Bench {
	t.Helper()
	return rights.NewBench(t, rights.Bench{
		Fleet: p.fleet, Plugin: "kubectl-fleet", Env: []string{actAs + "=1"}, Clusters: p.fleet.Clusters()[:2], State: state,
		Table: "../../../pkg/rights/kubectl-fleet.txt", Update: *update,
	})
}

// Every command that reads works with exactly the roles that rbac prints for it, needs all of them,
// and names the one that is missing.
func TestRights(t *testing.T) {
	const space = "rights"
	p := newPlugin(t)
	clusters := p.fleet.Clusters()[:2]
	p.namespaceIn(t, clusters, space, 1)
	for _, c := range clusters {
		p.kubectl(t, "--context", c, "-n", space, "create", "deployment", "web", "--image", "registry.example/web:1").want(t, 0)
		p.kubectl(t, "--context", c, "-n", space, "rollout", "status", "deployment/web", "--timeout", "2m").want(t, 0)
	}
	pod := p.run(t, "get", "pods", "-n", space, "-C", clusters[0]).want(t, 0).rows()[0][1]
	b := p.rights(t, "")
	here := func(c rights.Case) rights.Case {
		c.Args, c.Namespace = append([]string{c.Args[0], "-C", clusters[0] + "," + clusters[1], "-n", space}, c.Args[1:]...), space
		return c
	}
	everywhere := func(c rights.Case) rights.Case {
		c.Args = append([]string{c.Args[0], "-C", clusters[0] + "," + clusters[1], "-A"}, c.Args[1:]...)
		return c
	}
	in := "-C=" + clusters[0] + "," + clusters[1]
	for command, verify := range map[string]func(*testing.T, string){
		"version": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "", rights.Case{Args: []string{command, "--server", in}})
		},
		"get": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "get work watch *", // which begins when the list is shown, and it may end there
				rights.Case{Args: []string{command, in}, Whole: true, Lacking: true, Tolerates: map[string]string{
					"get namespaces": "<forbidden>", "list nodes": "<forbidden>", "list pods": "<forbidden>",
				}},
				rights.Case{Args: []string{command, in, "--usage"}, Whole: true},
				here(rights.Case{Args: []string{command, "configmaps"}, Types: []string{"configmaps"}, Lacking: true}),
				here(rights.Case{Args: []string{command, "deployments", "web"}, Types: []string{"deployments.apps"}, Lacking: true}),
				everywhere(rights.Case{Args: []string{command, "pods"}, Types: []string{"pods"}, Lacking: true}),
				here(rights.Case{Args: []string{command, "configmaps", "-w"}, Types: []string{"configmaps"}, Stop: "thing-000", Code: 130}),
				rights.Case{Args: []string{command, in, "nodes"}, Types: []string{"nodes"}},
			)
		},
		"events": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "", here(rights.Case{Args: []string{command}, Lacking: true}), everywhere(rights.Case{Args: []string{command}, Lacking: true}))
		},
		"find": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "",
				here(rights.Case{Args: []string{command, "web"}}),
				rights.Case{Args: []string{command, in, "web"}},
				here(rights.Case{Args: []string{command, "--image", "registry.example/web"}}),
				here(rights.Case{Args: []string{command, "configmaps/thing-000"}, Types: []string{"configmaps"}, Lacking: true}),
			)
		},
		"describe": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "",
				here(rights.Case{Args: []string{command, "configmaps/thing-000"}, Types: []string{"configmaps"}, Lacking: true}))
		},
		"top": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "",
				rights.Case{Args: []string{command, "nodes", in}, Lacking: true, Tolerates: map[string]string{"list nodes": "since you may not list nodes"}},
				rights.Case{Args: []string{command, "pods", in, "-n", space}, Namespace: space, Lacking: true},
				rights.Case{Args: []string{command, "pods", in, "-A"}, Lacking: true})
		},
		"diff": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "",
				here(rights.Case{Args: []string{command, "deployments/web"}, Types: []string{"deployments.apps"}, Lacking: true}),
			)
		},
		"logs": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "",
				here(rights.Case{Args: []string{command, pod}, Lacking: true}),
				here(rights.Case{Args: []string{command, "-l", "app=web"}, Lacking: true}),
				here(rights.Case{Args: []string{command, "deployments/web"}, Types: []string{"deployments.apps"}, Lacking: true}),
				here(rights.Case{Args: []string{command, "-l", "app=web", "-f"}, Stop: "listening", Code: 130}),
			)
		},
		"exec": func(t *testing.T, command string) {
			t.Helper()
			b.Verify(t, command, "exec work create pods/exec", // from 1.35 on, beside get
				here(rights.Case{Args: []string{command, pod, "--", "true"}}),
				everywhere(rights.Case{Args: []string{command, pod, "--", "true"}}),
				rights.Case{Args: []string{command, "-C", clusters[0], "-n", space, "deployments/web", "--", "true"}, Namespace: space, Types: []string{"deployments.apps"}},
			)
		},
	} {
		t.Run(command, func(t *testing.T) { verify(t, command) })
	}
}

// Every command that brings objects to clusters works with exactly the roles that rbac
// prints for it, and needs all of them.
func TestRightsOfSets(t *testing.T) {
	var (
		first  = with(oneMap+moreObjects+extraMap, "COLOR", "red", "PASSWORD", "hunter2")
		second = with(oneMap+moreObjects, "COLOR", "blue", "PASSWORD", "hunter2")
	)
	of := func(a *application, verb string, more ...string) rights.Case {
		return rights.Case{Args: a.args(verb, more...), Namespace: a.name, Types: []string{"configmaps", "secrets", "deployments.apps"}}
	}
	// Who may not see whether somebody is at work on the set hears of it at the lock, and
	// events are shown while something is not well.
	unsaid := map[string]string{"get leases.coordination.k8s.io": "", "list events": ""}
	brings := func(a *application, manifest string, more ...string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			a.propagate(t, manifest, more...).want(t, 0)
		}
	}
	// lacking tries a case without each of its rights, too, when what it did is undone.
	lacking := func(c rights.Case, undo func(*testing.T)) rights.Case {
		c.Lacking, c.Before, c.Tolerates = true, undo, unsaid
		return c
	}
	// inProof is lacking where make proof alone does it.
	inProof := func(c rights.Case, undo func(*testing.T)) rights.Case {
		c.InProof, c.Before, c.Tolerates = true, undo, unsaid
		return c
	}
	// A lock is renewed after a while; an apply of what is not there is a patch that may
	// create; old revisions are deleted; and events are asked for while something is not
	// well.
	const lock, tidy = " state update leases.coordination.k8s.io\n", " state delete secrets\n"
	unseen := map[string]string{
		"propagate": "propagate" + lock + "propagate" + tidy + "propagate work create *\npropagate work list events",
		"rollback":  "rollback" + lock + "rollback" + tidy + "rollback work create *\nrollback work list events",
		"withdraw":  "withdraw" + lock,
	}
	for command, cases := range map[string]func(*testing.T, *application) []rights.Case{
		"propagate": func(t *testing.T, a *application) []rights.Case {
			t.Helper()
			gated := inProof(
				of(a, "propagate", "-f", a.file(t, "third.yaml", with(first, "red", "green")), "--bake", "1s", "--gate-on-warnings"),
				brings(a, second))
			gated.Tolerates = map[string]string{"get leases.coordination.k8s.io": ""} // the gate is about events
			return []rights.Case{
				of(a, "propagate", "-f", a.file(t, "first.yaml", first), "--dry-run=server"),
				lacking(of(a, "propagate", "-f", a.file(t, "first.yaml", first), "--weight", a.clusters[0]+"=1,"+a.clusters[1]+"=2", "--dry-run=server"), a.forget),
				lacking(of(a, "propagate", "-f", a.file(t, "first.yaml", first)), a.forget),
				inProof(of(a, "propagate", "-f", a.file(t, "second.yaml", second), "--prune"), brings(a, first)),
				of(a, "propagate", "-f", a.file(t, "second.yaml", second)),
				gated,
			}
		},
		"status": func(t *testing.T, a *application) []rights.Case {
			t.Helper()
			a.propagate(t, first).want(t, 0)
			return []rights.Case{of(a, "status")}
		},
		"rollback": func(t *testing.T, a *application) []rights.Case {
			t.Helper()
			a.propagate(t, first).want(t, 0)
			a.propagate(t, second, "--prune").want(t, 0)
			undone := brings(a, second, "--prune")
			return []rights.Case{lacking(of(a, "rollback"), undone), inProof(of(a, "rollback", "--bake", "1s"), undone)}
		},
		"withdraw": func(t *testing.T, a *application) []rights.Case {
			t.Helper()
			a.propagate(t, first).want(t, 0)
			return []rights.Case{lacking(of(a, "withdraw"), brings(a, first))}
		},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, "rights-"+command)
			a.rights(t, a.state).Verify(t, command, unseen[command], cases(t, a)...)
		})
	}
}

// forget takes the set away, if there is one.
func (a *application) forget(t *testing.T) {
	t.Helper()
	if got := a.do(t, "withdraw"); got.code != 0 && !strings.Contains(got.stderr, "no set") {
		t.Fatalf("withdraw: %d %s", got.code, got.stderr)
	}
}

// What is about the fleet file asks clusters for next to nothing.
func TestRightsOfTheFleetFile(t *testing.T) {
	b := newPlugin(t).rights(t, "")
	file := filepath.Join(t.TempDir(), "fleets.yaml")
	b.Env = append(b.Env, "KUBECTL_FLEET_CONFIG="+file)
	for _, c := range []rights.Case{
		{Args: []string{"join", "c1", "c2", "--fleet", "some", "--yes"}, Lacking: true},
		{Offline: true, Args: []string{"label", "c1", "env=prod", "--fleet", "some", "--yes"}},
		{Offline: true, Args: []string{"use", "some"}},
		{Offline: true, Args: []string{"config", "view"}},
		{Args: []string{"unjoin", "c1", "--fleet", "some", "--yes"}},
	} {
		t.Run(c.Args[0], func(t *testing.T) { b.Verify(t, c.Args[0], "", c) })
	}
}
