package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// drainLab empties fifty of two hundred nodes with everybody.
type drainLab struct {
	*lab
	manifest string
}

const (
	drainNodes = 200
	drained    = 50
	// drainApps Deployments of drainPods pods, of which a budget lets two be missing.
	drainApps, drainPods, drainSpare = 50, 20, 2
	drainNamespace                   = "drained"
	drainCluster                     = "c1"
)

func newDrainLab(l *lab) (*drainLab, error) {
	d := &drainLab{lab: l, manifest: filepath.Join(l.scratch, "drained.json")}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": drainObjects()})
	if err != nil {
		return nil, err
	}
	return d, os.WriteFile(d.manifest, text, 0o600)
}

// drainObjects are the nodes, of one zone, and what runs on them. Pods take two
// seconds to become Ready.
func drainObjects() []any {
	type object = map[string]any
	only := "kubectl-fleet.io/pool"
	all := []any{object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": drainNamespace}}}
	capacity := object{"cpu": "16", "memory": "64Gi", "pods": "110"}
	for i := range drainNodes {
		all = append(all, object{
			"apiVersion": "v1", "kind": "Node",
			"metadata": object{"name": drainNode(i), "labels": object{"type": "kwok", only: drainNamespace, "kubernetes.io/hostname": drainNode(i), "topology.kubernetes.io/zone": "z"}},
			"spec":     object{"taints": []any{object{"key": "only", "value": drainNamespace, "effect": "NoSchedule"}}},
			"status":   object{"capacity": capacity, "allocatable": capacity},
		})
	}
	for i := range drainApps {
		labels := object{"app": fmt.Sprintf("app-%d", i)}
		metadata := object{"name": labels["app"], "namespace": drainNamespace}
		all = append(all, object{
			"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata,
			"spec": object{"minAvailable": drainPods - drainSpare, "selector": object{"matchLabels": labels}},
		}, object{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
			"spec": object{"replicas": drainPods, "selector": object{"matchLabels": labels}, "template": object{
				"metadata": object{"labels": labels, "annotations": object{"testbed.kubectl-fleet.io/ready-delay": "2s"}},
				"spec": object{
					"terminationGracePeriodSeconds": 0, "nodeSelector": object{only: drainNamespace}, "tolerations": []any{object{"key": "only", "value": drainNamespace}},
					"containers": []any{object{"name": "app", "image": "registry.example/app:1", "resources": object{"requests": object{"cpu": "500m"}}}},
				},
			}},
		})
	}
	return all
}

func drainNode(i int) string { return fmt.Sprintf("drained-%03d", i) }

func (d *drainLab) scenarios() []scenario {
	var names []string
	for i := range drained {
		names = append(names, drainNode(i))
	}
	kubectl := d.kubectl + " --context " + drainCluster
	const options = " --ignore-daemonsets --timeout 10m "
	shell := func(name, text string) program {
		return program{name: name, command: []string{"sh", "-ec", text}}
	}
	down := []string{d.program("kubectl-fleetscale"), "down", "-C", drainCluster, "--nodes", strings.Join(names, ","), "--keep-nodes", "--yes"}
	return []scenario{{
		title: "50 of 200 nodes are emptied, 1,000 pods under budgets: `fleetscale down --keep-nodes`",
		programs: []program{
			{name: "kubectl-fleetscale --parallel 50", command: append(down, "--parallel", "50")},
			{name: "kubectl-fleetscale", command: down},
			shell("kubectl drain, one by one", "for n in "+strings.Join(names, " ")+"; do "+kubectl+" drain"+options+"$n; done"),
			shell("kubectl drain -l", kubectl+" drain"+options+"-l drained=yes"),
			shell("xargs -P10 kubectl drain", "echo "+strings.Join(names, " ")+" | xargs -n1 -P10 "+kubectl+" drain"+options),
			{name: "evictions", command: []string{d.program("evictions"), "-context", drainCluster, "-namespace", drainNamespace, "-nodes", strings.Join(names, ",")}},
		},
		atMost: 3, begin: d.build, reset: d.refill, end: d.raze,
		counts: &counts{columns: []string{"nodes a minute", "last pod Ready, s", "budgets broken", "evicted twice", "pod-seconds missing"}, begin: d.watch},
		targets: []target{
			fasterThan(5, 2), wallWithin(1, 4), countWithin(1.2, "last pod Ready", 1, 5), noneOf("budgets broken", 2), noneOf("evicted twice", 3), fewestOf("pod-seconds missing", 4, 2, 3, 4, 5),
		},
	}}
}

func (d *drainLab) inCluster(ctx context.Context, text string) error {
	return d.shell(ctx, d.bed.Kubeconfig(), "set -e; K='"+d.kubectl+" --context "+drainCluster+" -n "+drainNamespace+"'; "+text)
}

// whole waits until every pod is Ready, and every budget has counted it.
const whole = "while [ \"$($K get deploy -o jsonpath='{range .items[*]}{.status.readyReplicas}{\"\\n\"}{end}' | grep -cx %d)\" != %d ] || " +
	"[ \"$($K get pdb -o jsonpath='{range .items[*]}{.status.disruptionsAllowed}{\"\\n\"}{end}' | grep -cx %d)\" != %d ]; do sleep 1; done; "

func (d *drainLab) build(ctx context.Context) error {
	return d.inCluster(ctx, "$K create -f "+d.manifest+" >/dev/null; "+
		"$K label node $($K get node -l kubectl-fleet.io/pool="+drainNamespace+" -o name | sort | head -"+fmt.Sprint(drained)+" | cut -d/ -f2) drained=yes >/dev/null; "+fmt.Sprintf(whole, drainPods, drainApps, drainSpare, drainApps))
}

// refill makes the nodes and the pods as build did: new pods on empty nodes, or those of
// an application would gather on the nodes that the last program emptied.
func (d *drainLab) refill(ctx context.Context) error {
	return d.inCluster(ctx, "$K uncordon -l drained=yes >/dev/null; "+d.program("kubectl-fleetscale")+" abort --undo --yes -C "+drainCluster+" >/dev/null; "+
		"$K scale deploy --all --replicas=0 >/dev/null; "+
		fmt.Sprintf("for i in $(seq 0 %d); do $K delete --raw \"/api/v1/namespaces/%s/pods?labelSelector=app%%3Dapp-$i\" >/dev/null; done; ", drainApps-1, drainNamespace)+
		"while $K get pods -o name | grep -q .; do sleep 1; done; "+
		fmt.Sprintf("$K scale deploy --all --replicas=%d >/dev/null; "+whole, drainPods, drainPods, drainApps, drainSpare, drainApps))
}

func (d *drainLab) raze(ctx context.Context) error {
	return d.inCluster(ctx, "$K delete ns "+drainNamespace+" --wait=false; $K delete node -l kubectl-fleet.io/pool="+drainNamespace+" >/dev/null")
}
