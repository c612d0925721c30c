package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// kubectlIn runs the real kubectl on a manifest in one cluster.
func (a *application) kubectlIn(t *testing.T, cluster, manifest string, args ...string) result {
	t.Helper()
	if manifest != "" {
		args = append(args, "-f", a.file(t, "kubectl.yaml", manifest))
	}
	return a.kubectl(t, append(args, "--context", cluster, "-n", a.name)...).want(t, 0)
}

// refusedHere fails the test unless a run was refused and wrote nothing.
func (a *application) refusedHere(t *testing.T, r result, words ...string) {
	t.Helper()
	r.want(t, 5).says(t, words...)
	r.says(t, "nothing was changed")
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), a.state, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: the state namespace was made: %v", cluster, err)
		}
	})
}

// What real servers refuse is found by the dry run: all of it is said, and nothing
// is written anywhere.
func TestPropagateRefused(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-refused")
	last := a.clusters[1]
	client := a.client(t, last)
	settings := with(oneMap, "COLOR", "red")

	t.Run("unknown kind", func(t *testing.T) {
		r := a.propagate(t, settings+"---\napiVersion: example.com/v1\nkind: Gizmo\nmetadata: {name: g}\n")
		a.refusedHere(t, r, strings.Join(a.clusters, ", ")+": Refused: ", "app.yaml:6: Gizmo g: the cluster has no kind Gizmo of example.com/v1")
	})
	t.Run("admission", func(t *testing.T) {
		a.kubectlIn(t, last, fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data) || !('color' in object.data) || object.data.color != 'forbidden'", message: the color is not allowed here}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`, a.name), "apply")
		t.Cleanup(func() {
			a.kubectlIn(t, last, "", "delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", a.name, "--ignore-not-found")
		})
		forbidden := with(oneMap, "COLOR", "forbidden")
		eventually(t, "the policy", func() error { // the API server learns of it by a watch
			if r := a.propagate(t, forbidden, "--dry-run=server"); r.code != 5 {
				return fmt.Errorf("exit code %d", r.code)
			}
			return nil
		})
		r := a.propagate(t, forbidden)
		a.refusedHere(t, r, last+": Refused: ", "app.yaml:1: ConfigMap "+a.name+"/settings: ", "the color is not allowed here")
	})
	t.Run("quota", func(t *testing.T) {
		_, err := client.CoreV1().ResourceQuotas(a.name).Create(t.Context(), &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.CoreV1().ResourceQuotas(a.name).Delete(context.WithoutCancel(t.Context()), "none", metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
		secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
		eventually(t, "the quota", func() error {
			if r := a.propagate(t, secret, "--dry-run=server"); r.code != 5 {
				return fmt.Errorf("exit code %d", r.code)
			}
			return nil
		})
		a.refusedHere(t, a.propagate(t, secret), last+": Refused: ", "Secret "+a.name+"/s: ", "exceeded quota: none")
	})
	t.Run("immutable", func(t *testing.T) {
		a.kubectlIn(t, last, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\nimmutable: true\ndata: {color: blue}\n", "create")
		t.Cleanup(func() { a.kubectlIn(t, last, "", "delete", "cm", "settings") })
		a.refusedHere(t, a.propagate(t, settings, "--force-conflicts"), last+": Refused: ", "field is immutable")
	})
	t.Run("everything is said", func(t *testing.T) {
		r := a.propagate(t, settings+"---\napiVersion: example.com/v1\nkind: Gizmo\nmetadata: {name: g}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x, namespace: z}\n---\n"+strings.Replace(strings.Split(moreObjects, "---\n")[2], "replicas: 2", "replicas: two", 1))
		a.refusedHere(t, r, "app.yaml:6: Gizmo g", "app.yaml:10: ConfigMap "+a.name+"/Bad_Name", "app.yaml:14: Namespace z/x: it is of the whole cluster", "app.yaml:18: Deployment "+a.name+"/web: ", ".spec.replicas: expected numeric")
	})
	t.Run("twice by its namespace", func(t *testing.T) {
		r := a.propagate(t, settings+"---\n"+strings.Replace(settings, "name: settings", "name: settings, namespace: "+a.name, 1))
		a.refusedHere(t, r, "app.yaml:6: ConfigMap "+a.name+"/settings", "twice")
	})
	t.Run("forbidden", func(t *testing.T) {
		for _, cluster := range a.clusters {
			a.kubectlIn(t, cluster, fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %[1]s}
rules:
- {apiGroups: [""], resources: [namespaces, secrets], verbs: [get, list]}
- {apiGroups: [""], resources: [configmaps], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[1]s}]
`, a.name), "apply")
			t.Cleanup(func() {
				a.kubectlIn(t, cluster, "", "delete", "clusterrole,clusterrolebinding", a.name, "--ignore-not-found")
			})
		}
		var r result
		eventually(t, "the rights", func() error {
			if r = a.propagate(t, settings+moreObjects, "--as", a.name); strings.Contains(r.stderr, "kube-system") {
				return errors.New(r.stderr)
			}
			return nil
		})
		a.refusedHere(t, r, "app.yaml:6: Secret "+a.name+"/db: ", "app.yaml:11: Deployment "+a.name+"/web: ", "is forbidden")

		// In a namespace that is not there yet servers try nothing, and say that all the same.
		fresh := a.name + "-fresh"
		manifest := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + fresh + "}\n"
		for i := range 40 {
			manifest += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: map-%d, namespace: %s}\n", i, fresh)
		}
		manifest += strings.NewReplacer("{name: db}", "{name: db, namespace: "+fresh+"}", "metadata: {name: web}", "metadata: {name: web, namespace: "+fresh+"}").Replace(moreObjects)
		r = a.run(t, "propagate", "--name", a.name, "--state-namespace", a.state, "-C", strings.Join(a.clusters, ","), "--yes", "--as", a.name, "-f", a.file(t, "fresh.yaml", manifest))
		a.refusedHere(t, r, ": Secret "+fresh+"/db: ", ": Deployment "+fresh+"/web: ", "is forbidden")
	})
}

// Objects of other tools are not touched without --take-over.
func TestPropagateOwners(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-owners")
	owners := map[string]string{
		"Flux (kustomization)": "labels: {kustomize.toolkit.fluxcd.io/name: shop}",
		"Flux (helm release)":  "labels: {helm.toolkit.fluxcd.io/name: shop}",
		"Argo CD":              "annotations: {argocd.argoproj.io/tracking-id: shop}",
		"Helm":                 "annotations: {meta.helm.sh/release-name: shop}",
		"Karmada":              "labels: {work.karmada.io/permanent-id: shop}",
	}
	var there, wanted []string
	for i, tool := range slices.Sorted(func(yield func(string) bool) {
		for tool := range owners {
			if !yield(tool) {
				return
			}
		}
	}) {
		there = append(there, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m%d, %s}\n", i, owners[tool]))
		wanted = append(wanted, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m%d}\ndata: {a: b}\n", i))
	}
	a.kubectlIn(t, a.clusters[1], strings.Join(there, "---\n"), "create")
	manifest := strings.Join(wanted, "---\n")
	r := a.propagate(t, manifest)
	for tool := range owners {
		which := "shop"
		if tool == "Karmada" {
			which = "label work.karmada.io/permanent-id"
		}
		r.says(t, tool+" has it ("+which+") and would put back what we change")
	}
	a.refusedHere(t, r, a.clusters[1]+": Refused: ")
	a.propagate(t, manifest, "--take-over").want(t, 0)
	// They were there before: they are released, and not deleted.
	a.do(t, "withdraw").want(t, 0)
	if left := a.configMaps(t, a.clusters[1]); len(left) != len(owners) || len(left["m0"]) != 0 {
		t.Errorf("left: %v", left)
	}
	if left := a.configMaps(t, a.clusters[0]); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Fields that others manage are conflicts. Taken over by force, they get their
// values back; what was there before stays.
func TestPropagateConflicts(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-conflicts")
	first, last := a.clusters[0], a.clusters[1]
	deployment := strings.Split(moreObjects, "---\n")[2]
	a.kubectlIn(t, last, deployment, "apply", "--server-side", "--field-manager=somebody")
	a.kubectlIn(t, last, "", "scale", "deploy/web", "--replicas=5")
	a.kubectlIn(t, last, "", "annotate", "deploy/web", "note=mine")
	wanted := strings.NewReplacer("replicas: 2", "replicas: 3", "web:1", "web:2").Replace(deployment)

	a.refusedHere(t, a.propagate(t, wanted), last+": Refused: ", `app.yaml:1: Deployment `+a.name+`/web: conflict: `,
		`kubectl has spec.replicas`, `somebody has spec.template.spec.containers[name="web"].image`, "--force-conflicts")
	is := func(cluster string, replicas int32, image string) {
		t.Helper()
		d, err := a.client(t, cluster).AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Spec.Template.Spec.Containers[0].Image; *d.Spec.Replicas != replicas || got != image {
			t.Errorf("%s: %d replicas of %s, want %d of %s", cluster, *d.Spec.Replicas, got, replicas, image)
		}
		if cluster == last && d.Annotations["note"] != "mine" {
			t.Errorf("%s: the annotations are %v", cluster, d.Annotations)
		}
	}
	a.propagate(t, wanted, "--force-conflicts").want(t, 0)
	is(first, 3, "registry/web:2")
	is(last, 3, "registry/web:2")
	// A run that takes nothing over remembers what an earlier one has.
	a.propagate(t, strings.Replace(wanted, "web:2", "web:3", 1)).want(t, 0)
	is(last, 3, "registry/web:3")
	a.do(t, "rollback").want(t, 0)
	is(last, 3, "registry/web:2")
	a.do(t, "withdraw").want(t, 0)
	is(last, 5, "registry/web:1")
	if _, err := a.client(t, first).AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("%s: what the set made is there: %v", first, err)
	}
}

// There is nothing before the first revision: that it is taken away has to be asked for.
// Then it is as if it had never been: what was taken over has its former values.
func TestPropagateRollbackOfTheFirst(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-first")
	last := a.clusters[1]
	a.kubectlIn(t, last, with(oneMap, "COLOR", "blue"), "apply")
	a.propagate(t, with(oneMap+extraMap, "COLOR", "red"), "--force-conflicts").want(t, 0)
	a.do(t, "rollback").want(t, 5).says(t, "there is no revision of set "+a.name+" before", "withdraw "+a.name, "nothing was changed")
	if now := a.configMaps(t, last); len(now) != 2 || now["settings"]["color"] != "red" {
		t.Errorf("refused, and it is %v", now)
	}
	a.do(t, "withdraw").want(t, 0)
	if left := a.configMaps(t, a.clusters[0]); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if left := a.configMaps(t, last); len(left) != 1 || left["settings"]["color"] != "blue" {
		t.Errorf("left: %v", left)
	}
	// What was given back may be taken again.
	a.propagate(t, with(oneMap+extraMap, "COLOR", "red"), "--force-conflicts").want(t, 0)
	if now := a.configMaps(t, last); now["settings"]["color"] != "red" {
		t.Errorf("now: %v", now)
	}
}

// A name that another set has is refused, and the other set is named.
func TestPropagateTwoSets(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-two")
	manifest := with(oneMap, "COLOR", "red")
	a.propagate(t, manifest).want(t, 0)
	path := a.file(t, "other.yaml", manifest)
	r := a.run(t, "propagate", "-f", path, "-n", a.name, "--state-namespace", a.state, "-C", a.clusters[0], "--yes", "--take-over", "--force-conflicts").want(t, 5)
	r.says(t, "other.yaml:1: ConfigMap "+a.name+"/settings: the set "+a.name+" has it already")
	a.do(t, "status", "-o", "json").want(t, 0)
}

// A definition and an object of it, a namespace and an object in it, in one file:
// in the order that they need, and taken out again, but for what is protected.
func TestPropagateInOneFile(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-onefile")
	manifest := `apiVersion: v1
kind: ConfigMap
metadata: {name: inside, namespace: prop-onefile-made}
data: {a: b}
---
apiVersion: onefile.kubectl-fleet.io/v1
kind: Widget
metadata: {name: w}
spec: {size: 1}
---
apiVersion: v1
kind: Namespace
metadata: {name: prop-onefile-made}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.onefile.kubectl-fleet.io}
spec:
  group: onefile.kubectl-fleet.io
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`
	t.Cleanup(func() {
		for _, cluster := range a.clusters {
			a.kubectl(t, "--context", cluster, "delete", "--ignore-not-found", "--wait=false", "crd/widgets.onefile.kubectl-fleet.io", "namespace/prop-onefile-made").want(t, 0)
		}
	})
	// Without -n: each context's own namespace.
	args := []string{"propagate", "--name", a.name, "--state-namespace", a.state, "-C", strings.Join(a.clusters, ","), "--yes", "-f", a.file(t, "app.yaml", manifest), "--timeout", "30s"}
	preview := a.run(t, append(args, "--dry-run=server")...).want(t, 0)
	for _, want := range []string{"its CRD is applied first", "its namespace is made first"} {
		if !strings.Contains(preview.stdout, want) {
			t.Errorf("the preview does not say %q:\n%s", want, preview.stdout)
		}
	}
	for cluster, p := range outcomes(t, a.run(t, append(args, "-o", "json")...).want(t, 0)) {
		if p.Health != "current 4/4" {
			t.Errorf("%s: %s", cluster, p.Health)
		}
	}
	for cluster, p := range outcomes(t, a.run(t, append(args, "-o", "json")...).want(t, 0)) {
		if p.Phase != v1alpha1.PropagationUnchanged {
			t.Errorf("%s: again: %s, %+v", cluster, p.Phase, p.Changes)
		}
	}
	for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
		if s.Current != 4 || len(s.Drifted) > 0 {
			t.Errorf("status: %+v", s)
		}
	}
	protected := func(r result) {
		t.Helper()
		if !strings.Contains(r.stdout, "--delete-kinds Namespace deletes it") || !strings.Contains(r.stdout, "--delete-kinds CustomResourceDefinition deletes it") {
			t.Errorf("what is protected is not named:\n%s", r.stdout)
		}
	}
	protected(a.do(t, "withdraw", "--dry-run=server").want(t, 0))
	a.do(t, "withdraw").want(t, 0)
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		left := a.kubectl(t, "--context", cluster, "get", "cm", "inside", "-n", "prop-onefile-made", "--ignore-not-found", "-o", "name").want(t, 0).stdout
		left += a.kubectl(t, "--context", cluster, "get", "widgets", "-A", "-o", "name").want(t, 0).stdout
		if left != "" {
			t.Errorf("%s: left: %s", cluster, left)
		}
		ns, err := client.CoreV1().Namespaces().Get(t.Context(), "prop-onefile-made", metav1.GetOptions{})
		if err != nil || ns.DeletionTimestamp != nil || ns.Labels["applyset.kubernetes.io/part-of"] != "" {
			t.Errorf("%s: the namespace: %v, %v", cluster, ns.ObjectMeta, err)
		}
	})
	// Nothing that stays is of a set: it can be brought again, and deleted by name.
	a.run(t, args...).want(t, 0)
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		if err := client.CoreV1().ConfigMaps("prop-onefile-made").Delete(t.Context(), "inside", metav1.DeleteOptions{}); err != nil {
			t.Errorf("%s: %v", cluster, err)
		}
	})
	fresh := strings.ReplaceAll(manifest, "prop-onefile-made", "prop-onefile-more")
	freshFile := a.file(t, "fresh.yaml", strings.Split(fresh, "---\n")[2])
	a.do(t, "propagate", "-f", freshFile, "--name", "prop-onefile-ns", "-n", "").want(t, 2)
	set := []string{"--state-namespace", a.state, "-C", strings.Join(a.clusters, ","), "--yes"}
	a.run(t, append([]string{"propagate", "-f", freshFile, "--name", "prop-onefile-ns"}, set...)...).want(t, 0)
	a.run(t, append([]string{"withdraw", "prop-onefile-ns", "--delete-kinds", "Namespace"}, set...)...).want(t, 0)
	a.each(t, func(cluster string, client *kubernetes.Clientset) {
		if ns, err := client.CoreV1().Namespaces().Get(t.Context(), "prop-onefile-more", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: --delete-kinds Namespace: %v, %v", cluster, ns.ObjectMeta, err)
		}
	})
}
