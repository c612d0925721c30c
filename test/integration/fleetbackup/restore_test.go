package fleetbackup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// restoring is a set of a test's own, of c1 and c2, that was backed up and has one
// namespace in both; and the plugin.
type restoring struct {
	killer.Killer

	name     string // the namespace, too
	manifest *v1alpha1.BackupExecution
	env      []string
	dir      string
}

// backedUp makes a set: in each cluster a namespace with what shop makes, a Deployment
// and a Secret, and what else there is to be.
func backedUp(t *testing.T, name string, also ...func(cluster string)) *restoring {
	t.Helper()
	r := &restoring{name: name, dir: t.TempDir(), manifest: &v1alpha1.BackupExecution{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupExecutionKind},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     v1alpha1.BackupExecutionStatus{Phase: v1alpha1.BackupSealed, Grade: v1alpha1.GradeAligned, Complete: true},
	}}
	policy := &r.manifest.Spec.Policy.Spec
	policy.Velero.Template.Raw = []byte(`{"includedNamespaces":["` + name + `"]}`)
	policy.Probes = []v1alpha1.RestoreProbe{{Namespace: name, Selector: "app=till", Command: []string{"true"}}}
	contexts := map[string]*clientcmdapi.Cluster{}
	for _, c := range []string{"c1", "c2"} {
		contexts[c] = r.Before(t, bed(t).RESTConfig(t, c))
		shop(t, c, name)
		namespaces := objects(t, c, "", "v1", "namespaces", "")
		t.Cleanup(func() { _ = namespaces.Delete(context.WithoutCancel(t.Context()), r.memory(), metav1.DeleteOptions{}) })
		create(t, objects(t, c, "apps", "v1", "deployments", name), till())
		create(t, objects(t, c, "", "v1", "secrets", name), map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "safe"}, "stringData": map[string]any{"combination": "open sesame"},
		})
		for _, do := range also {
			do(c)
		}
		rolledOut(t, c, name)
		s := serverOf(t, c)
		done := backUp(t, s, "rs-"+name+"-"+c, name)
		location, err := s.Location(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		identity, err := s.Member.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		policy.Members = append(policy.Members, v1alpha1.BackupMember{Cluster: c})
		r.manifest.Status.Members = append(r.manifest.Status.Members, v1alpha1.MemberExecution{
			Cluster: c, UID: types.UID(identity.UID), Required: true, VeleroNamespace: addon.Namespace, Location: velero.Place(location),
			Backup: v1alpha1.MemberBackup{
				Name: done.Name, UID: done.UID, Phase: string(done.Status.Phase), Items: done.Status.Progress.ItemsBackedUp, Total: done.Status.Progress.TotalItems,
			},
		})
	}
	policy.Members[1].DependsOn = []string{"c1"}
	r.env = []string{"HOME=" + r.dir, "KUBECONFIG=" + meddle.Kubeconfig(t, contexts), "KUBECACHEDIR=" + filepath.Join(r.dir, "cache")}
	return r
}

// turn is held by who has a Velero of the fleet make a Backup beside other tests: it makes
// one at once, and the plugin refuses to begin while it has another to make.
//
//nolint:gochecknoglobals // tests are functions that share nothing but a package's variables
var turn sync.Mutex

// backUp has a Velero make a Backup of a namespace.
func backUp(t *testing.T, s velero.Server, prefix, namespace string) *velerov1.Backup {
	t.Helper()
	turn.Lock()
	defer turn.Unlock()
	wanted := backupOf(t, s, prefix, namespace)
	if _, err := s.CreateBackup(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done, err := s.AwaitBackup(ctx, wanted.Name, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) }, nil)
	if err != nil || done.Status.Phase != velerov1.BackupPhaseCompleted {
		t.Fatalf("%+v, %v", done, err)
	}
	return done
}

// till is a Deployment with a pod.
func till() map[string]any { return deployment("till") }

func deployment(name string) map[string]any {
	labels := map[string]any{"app": name}
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": name, "image": "registry.example/" + name + ":1"}}},
		}},
	}
}

func rolledOut(t *testing.T, cluster, namespace string) {
	t.Helper()
	eventually(t, func() error {
		d, err := objects(t, cluster, "apps", "v1", "deployments", namespace).Get(t.Context(), "till", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if n, _, _ := unstructured.NestedInt64(d.Object, "status", "availableReplicas"); n != 1 {
			return fmt.Errorf("%d are available", n)
		}
		return nil
	})
}

// eventually waits until it is so.
func eventually(t *testing.T, is func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := is()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// file writes the manifest.
func (r *restoring) file(t *testing.T) string {
	t.Helper()
	text, err := yaml.Marshal(r.manifest)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, "manifest.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// plugin runs the plugin, and kills it after one of its writes unless that is 0. What it
// remembers is in a namespace of the test's own, with a lock of its own.
func (r *restoring) plugin(t *testing.T, at int, args ...string) (code int, out string, reached bool) {
	t.Helper()
	return r.Run(t, at, true, r.env, append(args, "--state-namespace", r.memory())...)
}

func (r *restoring) memory() string { return r.name + "-memory" }

// wants runs the plugin, which must end with a code and say all of the texts.
func (r *restoring) wants(t *testing.T, code int, args []string, texts ...string) string {
	t.Helper()
	began := time.Now()
	got, out, _ := r.plugin(t, 0, append(args, "--yes")...)
	t.Logf("%s: %s", args[0], time.Since(began).Round(time.Millisecond))
	if got != code {
		t.Fatalf("exit code %d, want %d\n%s", got, code, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Fatalf("nothing says %q\n%s", text, out)
		}
	}
	return out
}

// lose deletes the namespace of the set in some clusters.
func (r *restoring) lose(t *testing.T, clusters ...string) {
	t.Helper()
	for _, c := range clusters {
		namespaces := objects(t, c, "", "v1", "namespaces", "")
		if err := namespaces.Delete(t.Context(), r.name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		eventually(t, func() error { return gone(t, c, r.name) })
	}
}

func gone(t *testing.T, cluster, namespace string) error {
	t.Helper()
	_, err := objects(t, cluster, "", "v1", "namespaces", "").Get(t.Context(), namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%s has namespace %s", cluster, namespace))
}

// has fails the test unless a cluster has what was backed up of another.
func (*restoring) has(t *testing.T, cluster, namespace string) {
	t.Helper()
	prices, err := objects(t, cluster, "", "v1", "configmaps", namespace).Get(t.Context(), "prices", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if bread, _, _ := unstructured.NestedString(prices.Object, "data", "bread"); bread != "3" {
		t.Errorf("bread is %q in %s", bread, cluster)
	}
	rolledOut(t, cluster, namespace)
}

// A set is restored where it was, and what is there already stays as it is; begun again
// it is a run of its own.
func TestRestore(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "restored")
	args := []string{"restore", r.name, "-f", r.file(t)}
	r.wants(t, 0, append(args, "--dry-run=server"), "what is in it stays as it is")
	r.lose(t, "c1", "c2")
	out := r.wants(t, 0, args, "is ready after")
	r.has(t, "c1", r.name)
	r.has(t, "c2", r.name)
	if strings.Index(out, "c1: ready") > strings.Index(out, "c2: restoring") {
		t.Errorf("c2 did not wait for c1, which it depends on:\n%s", out)
	}
	// What differs stays, or is patched.
	configMaps := objects(t, "c1", "", "v1", "configmaps", r.name)
	price := func(bread string) {
		t.Helper()
		if _, err := configMaps.Patch(t.Context(), "prices", types.MergePatchType, []byte(`{"data":{"bread":"`+bread+`"}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	price("4")
	r.wants(t, 7, args,
		"warning: c1: namespace: namespace restored is there", "c1: not as it was backed up, since it was there already: configmap restored/prices\n",
		"c2: ready\n", "not all that is there now is the set's")
	if is, err := configMaps.Get(t.Context(), "prices", metav1.GetOptions{}); err != nil || is.Object["data"].(map[string]any)["bread"] != "4" {
		t.Errorf("%v, %v", is, err)
	}
	r.wants(t, 0, append(args, "--existing-resources", "update"))
	r.has(t, "c1", r.name)
}

// Each cluster's part goes into the other one, whose Velero sees the backup by the
// location that reads only.
func TestRestoreElsewhere(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "elsewhere")
	r.wants(t, 0, []string{
		"restore", r.name, "-f", r.file(t), "--map", "c1=c2,c2=c1", "--namespace-mappings", r.name + ":" + r.name + "-2", "-o", "yaml",
	}, "rtoMillis: ", "wave: 2")
	t.Cleanup(func() {
		for _, c := range []string{"c1", "c2"} {
			_ = objects(t, c, "", "v1", "namespaces", "").Delete(context.WithoutCancel(t.Context()), r.name+"-2", metav1.DeleteOptions{})
		}
	})
	r.has(t, "c1", r.name+"-2")
	r.has(t, "c2", r.name+"-2")
	// The manifest says where the backups are: elsewhere there are none.
	r.manifest.Status.Members[0].Location.Prefix = "nowhere"
	r.wants(t, 5, []string{"restore", r.name, "-f", r.file(t), "--map", "c1=c2,c2=c1"},
		`no BackupStorageLocation is at bucket velero, prefix "nowhere"`, "accessMode: ReadOnly", "nothing was changed")
}

// What does not work is no success, and who depends on it is not begun.
func TestRestoreFails(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "failing")
	r.lose(t, "c1", "c2")
	r.manifest.Spec.Policy.Spec.Probes[0].Clusters = []string{"c1"}
	r.manifest.Spec.Policy.Spec.Probes[0].Command = []string{"false"}
	r.manifest.Spec.Policy.Spec.Probes[0].Timeout.Duration = 2 * time.Second
	r.wants(t, 1, []string{"restore", r.name, "-f", r.file(t)}, "probe 1: it has not passed within 2s", "not begun: c1, which it depends on, is not ready")
	if err := gone(t, "c2", r.name); err != nil {
		t.Error(err)
	}
	// Without dependency the other one is restored.
	r.manifest.Spec.Policy.Spec.Members[1].DependsOn = nil
	r.wants(t, 3, []string{"restore", r.name, "-f", r.file(t)}, "probe 1: it has not passed")
	r.has(t, "c2", r.name)
	// The word of another set.
	r.manifest.Spec.Policy.Spec.Probes = nil
	r.manifest.Spec.Policy.Spec.Canary = &v1alpha1.CanaryCheck{Namespace: r.name, Selector: "app=till", Read: []string{"echo", "k3x8"}}
	r.manifest.Status.Canary, r.manifest.Status.Members[1].Canary = "k3x9", true
	r.wants(t, 7, []string{"restore", r.name, "-f", r.file(t)}, `says "k3x8", and the set's word is "k3x9"`)
	r.manifest.Status.Canary = "k3x8"
	r.wants(t, 0, []string{"restore", r.name, "-f", r.file(t)}, "every member has the word of the set")
}

// A claim gets another StorageClass, in this restore alone; what does not become ready
// in time is gone on with by the same command.
func TestRestoreStorage(t *testing.T) {
	t.Parallel()
	const name = "stored"
	// volume is one for a claim of a StorageClass.
	volume := func(cluster, called, class string) {
		t.Helper()
		volumes := objects(t, cluster, "", "v1", "persistentvolumes", "")
		create(t, volumes, map[string]any{
			"apiVersion": "v1", "kind": "PersistentVolume", "metadata": map[string]any{"name": called},
			"spec": map[string]any{
				"storageClassName": class, "accessModes": []any{"ReadWriteOnce"}, "capacity": map[string]any{"storage": "1Gi"},
				"hostPath": map[string]any{"path": "/nowhere"}, "persistentVolumeReclaimPolicy": "Delete",
			},
		})
		t.Cleanup(func() { _ = volumes.Delete(context.WithoutCancel(t.Context()), called, metav1.DeleteOptions{}) })
	}
	r := backedUp(t, name, func(cluster string) {
		volume(cluster, "stored-before", "stored-fast") // of a claim without one Velero makes no backup
		claims := objects(t, cluster, "", "v1", "persistentvolumeclaims", name)
		create(t, claims, map[string]any{
			"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": map[string]any{"name": "data"},
			"spec": map[string]any{
				"storageClassName": "stored-fast", "accessModes": []any{"ReadWriteOnce"},
				"resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}},
			},
		})
		eventually(t, func() error {
			claim, err := claims.Get(t.Context(), "data", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if phase, _, _ := unstructured.NestedString(claim.Object, "status", "phase"); phase != "Bound" {
				return fmt.Errorf("the claim is %s", phase)
			}
			return nil
		})
	})
	r.manifest.Status.Members = r.manifest.Status.Members[:1]
	r.manifest.Spec.Policy.Spec.Members = r.manifest.Spec.Policy.Spec.Members[:1]
	r.manifest.Status.Members[0].Volumes = []v1alpha1.BackupVolume{{Namespace: name, Claim: "data", StorageClass: "stored-fast", Method: "Native"}}
	args := []string{"restore", name, "-f", r.file(t)}
	r.wants(t, 5, args, "there is no StorageClass stored-fast, which PersistentVolumeClaim stored/data needs", "--storage-class-mappings stored-fast:NAME")
	made := func(resource, group string, object map[string]any) {
		t.Helper()
		in := objects(t, "c1", group, "v1", resource, "")
		create(t, in, object)
		called, _, _ := unstructured.NestedString(object, "metadata", "name")
		t.Cleanup(func() { _ = in.Delete(context.WithoutCancel(t.Context()), called, metav1.DeleteOptions{}) })
	}
	made("storageclasses", "storage.k8s.io", map[string]any{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": map[string]any{"name": "stored-slow"},
		"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "Immediate",
	})
	args = append(args, "--storage-class-mappings", "stored-fast:stored-slow", "--timeout", "20s")
	r.wants(t, 0, append(args, "--dry-run=server"), "PersistentVolumeClaim stored/data is there, and keeps its data")
	r.lose(t, "c1")
	r.wants(t, 4, args, "PersistentVolumeClaim stored/data: ", "Velero goes on")
	claim, err := objects(t, "c1", "", "v1", "persistentvolumeclaims", name).Get(t.Context(), "data", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if class, _, _ := unstructured.NestedString(claim.Object, "spec", "storageClassName"); class != "stored-slow" {
		t.Errorf("its StorageClass is %q", class)
	}
	restores, err := serverOf(t, "c1").Restores(t.Context(), "kubectl-fleet.io/restored-set="+name)
	if err != nil || len(restores) != 1 {
		t.Fatalf("%v, %v", restores, err)
	}
	rules, err := objects(t, "c1", "", "v1", "configmaps", addon.Namespace).Get(t.Context(), restores[0].Name, metav1.GetOptions{})
	if err != nil || len(rules.GetOwnerReferences()) != 1 || rules.GetOwnerReferences()[0].UID != restores[0].UID {
		t.Errorf("its rules are %v, %v", rules, err)
	}
	// Now there is a volume.
	volume("c1", "stored", "stored-slow")
	r.wants(t, 0, args, "it goes on with "+name+"-r", "is ready after")
	again, err := serverOf(t, "c1").Restores(t.Context(), "kubectl-fleet.io/restored-set="+name)
	if err != nil || len(again) != 1 {
		t.Errorf("there are %d Restores, %v", len(again), err)
	}
	// Once more: the claim is there, and no data are restored into it.
	r.wants(t, 7, args, "PersistentVolumeClaim stored/data is there, and keeps its data", "since it was there already: the data of persistentvolumeclaim stored/data")
}
