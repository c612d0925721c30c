package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// backupLab makes one set of eight clusters, and brings it back.
type backupLab struct {
	*lab
	velero, manifest, held, set string
	// newest is the name of the newest set that was counted.
	newest string
}

const (
	backedNamespace = "backed"
	// backedApps Deployments of backedPods pods, with a ReplicaSet, a Service, its Endpoints
	// and EndpointSlice, a Secret and two ConfigMaps each: 200 objects, and what each
	// namespace has anyway.
	backedApps, backedPods = 20, 2
	// backedPolicy holds one container in each cluster.
	backedPolicy = `apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: held}
spec:
  velero: {template: {includedNamespaces: [` + backedNamespace + `], ttl: 1h}}
  members: [{cluster: c1}, {cluster: c2}, {cluster: c3}, {cluster: c4}, {cluster: c5}, {cluster: c6}, {cluster: c7}, {cluster: c8}]
  quiesce:
  - actions:
    - exec:
        selector: held=yes
        namespace: ` + backedNamespace + `
        freeze: ["true"]
        release: ["true"]
`
)

// newBackupLab fails if the bed has no Velero.
func newBackupLab(l *lab) (*backupLab, error) {
	velero, err := l.bed.Program("velero")
	if err != nil {
		return nil, fmt.Errorf("backups are not measured: %w; testbed up --with velero brings one", err)
	}
	b := &backupLab{
		lab: l, velero: velero, manifest: filepath.Join(l.scratch, "backed.json"), held: filepath.Join(l.scratch, "held.yaml"), set: filepath.Join(l.scratch, "set.json"),
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": backedObjects()})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.manifest, text, 0o600); err != nil {
		return nil, err
	}
	return b, os.WriteFile(b.held, []byte(backedPolicy), 0o600)
}

func backedObjects() []any {
	type object = map[string]any
	all := []any{object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": backedNamespace}}}
	container := []any{object{"name": "app", "image": "registry.example/app:1"}}
	for i := range backedApps {
		name := fmt.Sprintf("app-%d", i)
		labels := object{"app": name}
		metadata := object{"name": name, "namespace": backedNamespace}
		all = append(all, object{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
			"spec": object{"replicas": backedPods, "selector": object{"matchLabels": labels}, "template": object{
				"metadata": object{"labels": labels}, "spec": object{"terminationGracePeriodSeconds": 0, "containers": container},
			}},
		}, object{
			"apiVersion": "v1", "kind": "Service", "metadata": metadata,
			"spec": object{"selector": labels, "ports": []any{object{"port": 80}}},
		}, object{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": object{"password": name}})
		for _, part := range []string{"-a", "-b"} {
			all = append(all, object{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": name + part, "namespace": backedNamespace}, "data": object{"name": name},
			})
		}
	}
	return append(all, object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "held", "namespace": backedNamespace, "labels": object{"held": "yes"}},
		"spec": object{"terminationGracePeriodSeconds": 0, "containers": container},
	})
}

func (b *backupLab) scenarios() []scenario {
	ours := b.program("kubectl-fleetbackup")
	all := func(text, side string) []string {
		return []string{"sh", "-c", "printf 'c%s\\n' $(seq 1 8) | xargs " + side + " -I{} sh -c '" + text + "'"}
	}
	velero := b.velero + " --kubecontext {} -n velero "
	backup := velero + "backup create $(date +%s%N)-{} --include-namespaces " + backedNamespace + " --ttl 1h --wait"
	restore := velero + "restore create $(date +%s%N)-{} --from-backup bench-{} --wait && for i in $(seq 0 " + fmt.Sprint(backedApps-1) + "); do " +
		b.kubectl + " --context {} -n " + backedNamespace + " rollout status deploy/app-$i; done"
	columns := []string{"frozen, ms", "barrier width, ms", "cut span, ms"}
	return []scenario{
		{
			title: "8 real clusters × 200 objects, one set: `fleetbackup create`",
			programs: []program{
				{name: "kubectl-fleetbackup, a hold in each cluster", command: []string{ours, "create", "-f", b.held, "--yes"}},
				{name: "kubectl-fleetbackup, without holds", command: []string{ours, "create", "aligned", "-C", "c1,c2,c3,c4,c5,c6,c7,c8", "--include-namespaces", backedNamespace, "--ttl", "1h", "--yes"}},
				{name: "xargs -P8 velero backup create --wait", command: all(backup, "-P8"), tree: true},
				{name: "velero backup create --wait, one after the other", command: all(backup, "-P1"), tree: true},
			},
			begin: b.fill, end: b.empty, counts: &counts{columns: columns, begin: b.count},
			targets: []target{wallBelow(60), lateBy("frozen", 0, 2)},
		},
		{
			title: "The set is restored, and ready: `fleetbackup restore`",
			programs: []program{
				{name: "kubectl-fleetbackup", command: []string{"sh", "-c", "exec " + ours + " restore -f " + b.set + " --yes"}},
				{name: "xargs -P8 velero restore create --wait, kubectl rollout status", command: all(restore, "-P8"), tree: true},
			},
			begin: b.keep, reset: b.empty, end: b.empty,
			targets: []target{wallBelow(180), wallWithin(1, 1)},
		},
	}
}

const everywhere = "printf 'c%s\\n' $(seq 1 8) | xargs -P8 -I{} "

// fill makes what is backed up.
func (b *backupLab) fill(ctx context.Context) error {
	kubectl := b.kubectl + " --context {} -n " + backedNamespace
	return b.shell(ctx, b.bed.Kubeconfig(), everywhere+kubectl+" apply --server-side -f "+b.manifest+
		" && "+everywhere+kubectl+" wait --for=condition=Ready pod --all --timeout=3m")
}

// empty takes it away again.
func (b *backupLab) empty(ctx context.Context) error {
	return b.shell(ctx, b.bed.Kubeconfig(), everywhere+b.kubectl+" --context {} delete namespace "+backedNamespace+" --ignore-not-found --timeout=3m")
}

// keep makes a set and the loop's backups, keeps the manifest in a file, and takes away what was backed up.
func (b *backupLab) keep(ctx context.Context) error {
	if err := b.fill(ctx); err != nil {
		return err
	}
	if err := b.shell(ctx, b.bed.Kubeconfig(), b.program("kubectl-fleetbackup")+" create -f "+b.held+" --yes -o json > "+b.set+" && "+
		everywhere+b.velero+" --kubecontext {} -n velero backup create bench-{} --include-namespaces "+backedNamespace+" --ttl 1h --wait"); err != nil {
		return err
	}
	return b.empty(ctx)
}

// count reads what the set that was made says of itself. Loops make none.
func (b *backupLab) count(ctx context.Context) (func(time.Duration) []float64, error) {
	return func(time.Duration) []float64 {
		none := []float64{math.NaN(), math.NaN(), math.NaN()}
		out, err := b.command(ctx, scenario{}, program{command: []string{b.program("kubectl-fleetbackup"), "get", "-o", "json"}}).Output()
		list := struct {
			Items []v1alpha1.BackupExecution `json:"items"`
		}{}
		if err != nil || json.Unmarshal(out, &list) != nil || len(list.Items) == 0 || list.Items[0].Name == b.newest {
			return none
		}
		b.newest = list.Items[0].Name
		for i, value := range []*int64{list.Items[0].Status.FrozenMillis, list.Items[0].Status.BarrierWidthMillis, list.Items[0].Status.CutSpanMillis} {
			if value != nil {
				none[i] = float64(*value)
			}
		}
		return none
	}, nil
}
