package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// propagateLab writes the same hundred objects with everybody.
type propagateLab struct {
	*lab
	// manifest is what is applied, changed the same with another value in all but the
	// Services, and list the same as package writes reads it.
	manifest, changed, list string
	// versions are those of what is in the clusters.
	versions string
}

func newPropagateLab(l *lab) (*propagateLab, error) {
	p := &propagateLab{
		lab: l, manifest: filepath.Join(l.scratch, "hundred.yaml"), changed: filepath.Join(l.scratch, "changed.yaml"), list: filepath.Join(l.scratch, "hundred.list"),
	}
	manifest, list, err := hundred("1")
	if err != nil {
		return nil, err
	}
	changed, _, err := hundred("2")
	if err != nil {
		return nil, err
	}
	return p, errors.Join(
		os.WriteFile(p.manifest, []byte(manifest), 0o600), os.WriteFile(p.changed, []byte(changed), 0o600), os.WriteFile(p.list, []byte(list), 0o600),
	)
}

// hundred are a namespace and 33 each of ConfigMaps, Services and Deployments
// without replicas, as documents and as package writes reads them.
func hundred(value string) (documents, list string, err error) {
	type object = map[string]any
	all := []object{{"apiVersion": "v1", "kind": "Namespace"}}
	paths := []string{"/api/v1/namespaces/propagated"}
	add := func(kind, path string, o object) {
		name := fmt.Sprintf("%s-%02d", strings.ToLower(kind), len(all))
		o["kind"], o["metadata"] = kind, object{"name": name, "namespace": "propagated"}
		all, paths = append(all, o), append(paths, path+"/"+name)
	}
	all[0]["metadata"] = object{"name": "propagated"}
	for i := range 33 {
		labels := object{"app": fmt.Sprintf("web-%d", i)}
		add("ConfigMap", "/api/v1/namespaces/propagated/configmaps", object{"apiVersion": "v1", "data": object{"a": value, "b": "hello"}})
		add("Service", "/api/v1/namespaces/propagated/services", object{"apiVersion": "v1", "spec": object{"selector": labels, "ports": []object{{"port": 80, "protocol": "TCP"}}}})
		container := object{"name": "web", "image": "nginx:1.2" + value, "ports": []object{{"containerPort": 8080, "protocol": "TCP"}}}
		add("Deployment", "/apis/apps/v1/namespaces/propagated/deployments", object{"apiVersion": "apps/v1", "spec": object{
			"replicas": 0, "selector": object{"matchLabels": labels}, "template": object{"metadata": object{"labels": labels}, "spec": object{"containers": []object{container}}},
		}})
	}
	for i, o := range all {
		text, err := json.Marshal(o)
		if err != nil {
			return "", "", err
		}
		documents += "---\n" + string(text) + "\n"
		list += paths[i] + "\t" + string(text) + "\n"
	}
	return documents, list, nil
}

const setName = "bench"

func (p *propagateLab) scenarios() []scenario {
	apply := p.fleet("propagate", "-f", p.manifest, "--name", setName, "--yes", "-C", "*")
	unwaited := p.fleet(append(slices.Clone(apply.command[1:]), "--wait=false")...)
	unwaited.name = ours + " --wait=false"
	kubectl := func(clusters int, names, options string) program {
		return p.loop(clusters, names, "apply --server-side "+options+" -f "+p.manifest)
	}
	near := p.kubeconfig(scenario{})
	far := p.kubeconfig(scenario{standin: []string{}})
	writes := func(kubeconfig string) program {
		return program{name: "writes", command: p.writes(kubeconfig)}
	}
	standin := func(servers string) []string { return standins(servers, "30ms") }
	// Without a description of the API kubectl would refuse to validate.
	const unvalidated = "--validate=false"
	return []scenario{
		{
			title:    "100 objects to 8 real clusters: `propagate -f`",
			programs: []program{apply, kubectl(8, "c%s", ""), writes(near), unwaited},
			begin:    p.clean, reset: p.clean,
			targets: []target{fasterThan(2, 1), wallWithin(1.5, 2)},
		},
		{
			title:    "The same again, when nothing changes",
			programs: []program{apply, kubectl(8, "c%s", "")},
			begin: func(ctx context.Context) error {
				return errors.Join(p.run(ctx, apply), p.run(ctx, kubectl(8, "c%s", "")), p.note(ctx))
			},
			reset: p.unwritten, end: p.clean,
			targets: []target{fasterThan(2, 1), {text: "nothing is written", keeps: func([]results) (string, bool) {
				return "no resourceVersion is another", true // or the scenario would have failed
			}}},
		},
		{
			title: "100 objects to 8 stand-in servers, 30 ms away: `propagate -f`", standin: standin("8"),
			programs: []program{apply, kubectl(8, "s%03d", unvalidated), writes(far)},
			reset:    p.forget,
			targets:  []target{fasterThan(2, 1)},
		},
		p.toFifty("30ms", "100 objects to 50 stand-in servers, 30 ms away: `propagate -f`", far),
		p.toFifty("30ms", "100 objects to 50 stand-in servers, 30 ms away: `propagate -f --concurrency 50`", far, "--concurrency", "50"),
		p.toFifty("100ms", "100 objects to 50 stand-in servers, 100 ms away: `propagate -f --concurrency 50`", far, "--concurrency", "50"),
		{
			title: "100 objects in 100 stand-in servers, 30 ms away, 67 of them changed: `propagate -f --dry-run=server`", standin: standin("100"),
			programs: []program{{name: ours, command: p.fleet("propagate", "-f", p.changed, "--name", setName, "--dry-run=server", "-C", "*").command}},
			begin: func(ctx context.Context) error {
				return p.shell(ctx, far, strings.Join(quoted(apply.command), " "))
			},
			targets: []target{wallBelow(5)},
		},
	}
}

func standins(servers, latency string) []string {
	return []string{"-n", servers, "-latency", latency, "-http2"}
}

// writes is the command of the program that does nothing but write.
func (p *propagateLab) writes(kubeconfig string, options ...string) []string {
	return append([]string{p.program("writes"), "-kubeconfig", kubeconfig, "-list", p.list}, options...)
}

// toFifty compares fifty clusters with one of them, and the same of the program that does
// nothing but write: what these processors allow.
func (p *propagateLab) toFifty(latency, title, kubeconfig string, options ...string) scenario {
	to := func(clusters string) []string {
		return p.fleet(append([]string{"propagate", "-f", p.manifest, "--name", setName, "--yes", "-C", clusters}, options...)...).command
	}
	return scenario{
		title: title, standin: standins("50", latency),
		programs: []program{
			{name: ours, command: to("*")}, {name: "kubectl-fleet, one of the 50", command: to("s001")},
			{name: "writes", command: p.writes(kubeconfig)}, {name: "writes, one of the 50", command: p.writes(kubeconfig, "-context", "s001")},
		},
		reset:   p.forget,
		targets: []target{wallWithin(1.5, 1)},
	}
}

func quoted(words []string) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return all
}

// run runs a contender on the bed without measuring it.
func (p *propagateLab) run(ctx context.Context, contender program) error {
	return p.shell(ctx, p.bed.Kubeconfig(), strings.Join(quoted(contender.command), " "))
}

// clean takes everything but the namespaces out of the bed's clusters, and waits
// until the controllers have cleaned up behind it. The namespaces stay: to delete
// one takes the servers longer than all of a run.
func (p *propagateLab) clean(ctx context.Context) error {
	collections := "/apis/apps/v1/namespaces/propagated/deployments /api/v1/namespaces/propagated/services /api/v1/namespaces/propagated/configmaps " +
		"/api/v1/namespaces/kubectl-fleet/secrets /apis/coordination.k8s.io/v1/namespaces/kubectl-fleet/leases"
	one := "K=\"" + p.kubectl + " --context c{}\"; for path in " + collections + "; do $K delete --raw $path >/dev/null; done; " +
		"while [ -n \"$($K get replicasets,endpointslices -n propagated -o name)\" ]; do sleep 1; done"
	return p.shell(ctx, p.bed.Kubeconfig(), "seq 1 8 | xargs -P8 -I{} sh -ec '"+one+"'")
}

// note remembers which versions everything has, and unwritten is an error if
// something has another by now.
func (p *propagateLab) note(ctx context.Context) (err error) {
	p.versions, err = p.read(ctx)
	return err
}

func (p *propagateLab) unwritten(ctx context.Context) error {
	now, err := p.read(ctx)
	if err == nil && now != p.versions {
		err = errors.New("a run that changes nothing has written")
	}
	return err
}

// read reads the versions of what was applied and of what a set remembers.
func (p *propagateLab) read(ctx context.Context) (string, error) {
	version := `-o jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}'`
	text := "for i in $(seq 1 8); do K=\"" + p.kubectl + " --context c$i\"; $K get ns propagated --output jsonpath={.metadata.resourceVersion}; " +
		"$K get cm,svc,deploy -n propagated " + version + "; $K get secrets,leases -n kubectl-fleet " + version + "; done"
	out, err := p.command(ctx, scenario{kubeconfig: p.bed.Kubeconfig()}, program{command: []string{"sh", "-ec", text}}).Output()
	return string(out), err
}
