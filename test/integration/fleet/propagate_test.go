package fleet_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// application is something to be propagated to the first two clusters: with a
// namespace and a state namespace of its own, so that tests run side by side.
type application struct {
	*plugin

	name, state, folder string
	clusters            []string
}

// newApplication makes its namespace in both clusters; what the set is called,
// too.
func newApplication(t *testing.T, name string) *application {
	t.Helper()
	a := &application{plugin: newPlugin(t), name: name, state: name + "-state", folder: t.TempDir()}
	a.clusters = a.fleet.Clusters()[:2]
	a.namespaceIn(t, a.clusters, name, 0)
	t.Cleanup(func() {
		for _, cluster := range a.clusters {
			err := a.client(t, cluster).CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), a.state, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		}
	})
	return a
}

// file writes a manifest and returns its path.
func (a *application) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(a.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// args are those of a command about the set, whose objects are in its namespace.
func (a *application) args(verb string, more ...string) []string {
	args := []string{verb}
	if verb == "propagate" {
		args = append(args, "--name", a.name, "-n", a.name)
	} else {
		args = append(args, a.name)
	}
	args = append(args, "--state-namespace", a.state, "-C", strings.Join(a.clusters, ","))
	if verb != "status" {
		args = append(args, "--yes")
	}
	return append(args, more...)
}

// do runs a command about the set.
func (a *application) do(t *testing.T, verb string, more ...string) result {
	t.Helper()
	return a.run(t, a.args(verb, more...)...)
}

// propagate brings a manifest there.
func (a *application) propagate(t *testing.T, manifest string, more ...string) result {
	t.Helper()
	return a.do(t, "propagate", append([]string{"-f", a.file(t, "app.yaml", manifest)}, more...)...)
}

// each calls fn with a client of each of its clusters.
func (a *application) each(t *testing.T, fn func(cluster string, client *kubernetes.Clientset)) {
	t.Helper()
	for _, cluster := range a.clusters {
		fn(cluster, a.client(t, cluster))
	}
}

// configMaps are the data of its config maps in a cluster, by name.
func (a *application) configMaps(t *testing.T, cluster string) map[string]map[string]string {
	t.Helper()
	list, err := a.client(t, cluster).CoreV1().ConfigMaps(a.name).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	for i := range list.Items {
		if cm := &list.Items[i]; cm.Name != "kube-root-ca.crt" {
			found[cm.Name] = cm.Data
		}
	}
	return found
}

// versions are the resource versions of all that the set has in a cluster, and of
// what is remembered of it; nothing else that writes has a namespace of the test's.
func (a *application) versions(t *testing.T, cluster string) []string {
	t.Helper()
	var found []string
	add := func(kind string, m metav1.ObjectMeta) {
		found = append(found, strings.Join([]string{kind, m.Namespace, m.Name, m.ResourceVersion}, " "))
	}
	client := a.client(t, cluster)
	for _, namespace := range []string{a.name, a.state} {
		maps, err := client.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range maps.Items {
			add("ConfigMap", maps.Items[i].ObjectMeta)
		}
		secrets, err := client.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range secrets.Items {
			add("Secret", secrets.Items[i].ObjectMeta)
		}
		deployments, err := client.AppsV1().Deployments(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range deployments.Items {
			add("Deployment", deployments.Items[i].ObjectMeta)
		}
		leases, err := client.CoordinationV1().Leases(namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range leases.Items {
			add("Lease", leases.Items[i].ObjectMeta)
		}
	}
	return found
}

// outcomes are what a run came to, by cluster.
func outcomes(t *testing.T, r result) map[string]v1alpha1.Propagation {
	t.Helper()
	found := map[string]v1alpha1.Propagation{}
	for _, p := range decode[v1alpha1.Propagation](t, r).Items {
		found[p.Annotations[v1alpha1.ClusterAnnotation]] = p
	}
	return found
}

// says fails the test unless stderr has all of these.
func (r result) says(t *testing.T, words ...string) result {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("stderr does not say %q:\n%s", w, r.stderr)
		}
	}
	return r
}

const (
	oneMap = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: COLOR, size: large}
`
	moreObjects = `---
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: PASSWORD}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry/web:1}]}
`
	extraMap = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
data: {only: once}
`
)

func with(manifest string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(manifest)
}

// The whole life of a set on real clusters: previewed, brought, unchanged, changed,
// pruned, drifted, rolled back, withdrawn. What a preview shows is what happens, and
// what is not shown does not.
func TestPropagateLife(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-life")
	first := with(oneMap+moreObjects+extraMap, "COLOR", "red", "PASSWORD", "hunter2")

	preview := a.propagate(t, first, "--dry-run=server").want(t, 0)
	for _, want := range []string{"ConfigMap/settings", "ConfigMap/extra", "Secret/db", "Deployment/web"} {
		if !slices.ContainsFunc(preview.rows(), func(row []string) bool {
			return row[0] == strings.Join(a.clusters, ",") && row[1] == "create" && row[2] == want
		}) {
			t.Errorf("the preview does not create %s in both:\n%s", want, preview.stdout)
		}
	}
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), a.state, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: the preview made the state namespace: %v", cluster, err)
		}
		if maps := a.configMaps(t, cluster); len(maps) > 0 {
			t.Errorf("%s: the preview made %v", cluster, maps)
		}
	})

	for cluster, p := range outcomes(t, a.propagate(t, first, "-o", "json").want(t, 0)) {
		if p.Phase != v1alpha1.PropagationDone || p.Revision != 1 || p.Health != "current 4/4" {
			t.Errorf("%s: %s, revision %d, %s", cluster, p.Phase, p.Revision, p.Health)
		}
	}
	t.Run("again", func(t *testing.T) { a.writesNothing(t, first) })
	t.Run("change", func(t *testing.T) { a.changesOneField(t, first) })
	t.Run("prune", func(t *testing.T) { a.prunes(t) })
	t.Run("drift", func(t *testing.T) { a.drifts(t) })
	t.Run("rollback", func(t *testing.T) { a.rollsBack(t) })
	t.Run("withdraw", func(t *testing.T) { a.withdraws(t) })
}

func (a *application) writesNothing(t *testing.T, manifest string, more ...string) {
	t.Helper()
	before := map[string][]string{}
	a.each(t, func(cluster string, _ *kubernetes.Clientset) { before[cluster] = a.versions(t, cluster) })
	for cluster, p := range outcomes(t, a.propagate(t, manifest, append(more, "-o", "json")...).want(t, 0)) {
		if p.Phase != v1alpha1.PropagationUnchanged {
			t.Errorf("%s: %s", cluster, p.Phase)
		}
	}
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if after := a.versions(t, cluster); !slices.Equal(before[cluster], after) {
			t.Errorf("%s: the second run wrote: before\n%q\nafter\n%q", cluster, before[cluster], after)
		}
	})
}

func (a *application) changesOneField(t *testing.T, first string) {
	t.Helper()
	preview := a.propagate(t, strings.Replace(first, "hunter2", "hunter3", 1), "--dry-run=server").want(t, 0)
	for _, leak := range []string{"hunter", "aHVudGVy"} {
		if strings.Contains(preview.stdout+preview.stderr, leak) {
			t.Errorf("the preview shows the Secret:\n%s%s", preview.stdout, preview.stderr)
		}
	}
	if !strings.Contains(preview.stdout, "data.password") {
		t.Errorf("the preview does not say what of the Secret changes:\n%s", preview.stdout)
	}
	second := strings.Replace(first, "red", "blue", 1)
	for cluster, p := range outcomes(t, a.propagate(t, second, "--dry-run=server", "-o", "json").want(t, 0)) {
		var changed []v1alpha1.ObjectChange
		for i := range p.Changes {
			if p.Changes[i].Action != "Unchanged" {
				changed = append(changed, p.Changes[i])
			}
		}
		if len(changed) != 1 || changed[0].Action != "Update" || len(changed[0].Differences) != 1 || changed[0].Differences[0].Path != "data.color" ||
			changed[0].Differences[0].Reference != "red" || changed[0].Differences[0].Value != "blue" {
			t.Errorf("%s: want data.color alone to change, red to blue: %+v", cluster, changed)
		}
	}
	rows := a.propagate(t, second, "--dry-run=server").want(t, 0).rows()
	if want := []string{strings.Join(a.clusters, ","), "update", "ConfigMap/settings", "-n", a.name, "data.color", "red", "blue"}; len(rows) != 2 || !slices.Equal(rows[0], want) {
		t.Errorf("the preview's rows are %q, want %q and what is unchanged", rows, want)
	}
	a.propagate(t, second).want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if maps := a.configMaps(t, cluster); maps["settings"]["color"] != "blue" {
			t.Errorf("%s: %v", cluster, maps)
		}
	})
}

func (a *application) prunes(t *testing.T) {
	t.Helper()
	third := with(oneMap+moreObjects, "COLOR", "blue", "PASSWORD", "hunter2")
	for cluster, p := range outcomes(t, a.propagate(t, third, "-o", "json").want(t, 0)) {
		if p.Changes[len(p.Changes)-1].Action != "Keep" {
			t.Errorf("%s: without --prune: %+v", cluster, p.Changes)
		}
	}
	for cluster, p := range outcomes(t, a.propagate(t, third, "--prune", "-o", "json").want(t, 0)) {
		if last := p.Changes[len(p.Changes)-1]; last.Action != "Delete" || last.Name != "extra" {
			t.Errorf("%s: with --prune: %+v", cluster, p.Changes)
		}
	}
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if maps := a.configMaps(t, cluster); maps["extra"] != nil || maps["settings"] == nil {
			t.Errorf("%s: after --prune there are %v", cluster, maps)
		}
	})
}

func (a *application) drifts(t *testing.T) {
	t.Helper()
	cluster := a.clusters[1]
	client := a.client(t, cluster)
	patch := []byte(`{"data": {"color": "pink"}}`)
	if _, err := client.CoreV1().ConfigMaps(a.name).Patch(t.Context(), "settings", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().Secrets(a.name).Delete(t.Context(), "db", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
		if s.Annotations[v1alpha1.ClusterAnnotation] != cluster {
			if len(s.Drifted) > 0 || s.Current != 3 || s.Objects != 3 || s.ReadyReplicas != 2 {
				t.Errorf("where nobody changed anything: %+v", s)
			}
			continue
		}
		var found []string
		for _, d := range s.Drifted {
			text := d.Kind + "/" + d.Name
			if d.Gone {
				text += " gone"
			}
			for _, f := range d.Differences {
				text += " " + f.Path
			}
			found = append(found, text)
		}
		slices.Sort(found)
		if want := []string{"ConfigMap/settings data.color", "Secret/db gone"}; !slices.Equal(found, want) {
			t.Errorf("drifted %q, want %q", found, want)
		}
	}
	third := with(oneMap+moreObjects, "COLOR", "blue", "PASSWORD", "hunter2")
	a.propagate(t, third).want(t, 5).says(t, "somebody has data.color", "--force-conflicts")
	a.propagate(t, third, "--force-conflicts").want(t, 0)
	if color := a.configMaps(t, cluster)["settings"]["color"]; color != "blue" {
		t.Errorf("the color is %q", color)
	}
}

func (a *application) rollsBack(t *testing.T) {
	t.Helper()
	fourth := with(oneMap+extraMap, "COLOR", "green")
	a.propagate(t, fourth, "--prune").want(t, 0)
	a.do(t, "rollback").want(t, 0)
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		maps := a.configMaps(t, cluster)
		if maps["settings"]["color"] == "green" || maps["extra"] != nil {
			t.Errorf("%s: after the rollback there are %v", cluster, maps)
		}
		secret, err := client.CoreV1().Secrets(a.name).Get(t.Context(), "db", metav1.GetOptions{})
		if err != nil || string(secret.Data["password"]) != "hunter2" {
			t.Errorf("%s: the Secret that was pruned: %v, %v", cluster, secret.Data, err)
		}
		if _, err := client.AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{}); err != nil {
			t.Errorf("%s: %v", cluster, err)
		}
	})
}

func (a *application) withdraws(t *testing.T) {
	t.Helper()
	a.do(t, "withdraw").want(t, 0)
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		if left := slices.DeleteFunc(a.versions(t, cluster), func(v string) bool { return strings.Contains(v, "kube-root-ca.crt") }); len(left) > 0 {
			t.Errorf("%s: left: %q", cluster, left)
		}
		var state *corev1.Namespace
		state, err := client.CoreV1().Namespaces().Get(t.Context(), a.state, metav1.GetOptions{})
		if err != nil || state.DeletionTimestamp != nil {
			t.Errorf("%s: the state namespace: %v", cluster, err)
		}
	})
	a.do(t, "status").want(t, 1).says(t, "there is no set "+a.name)
}
