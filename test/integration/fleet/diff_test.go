package fleet_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Of real objects, with all that real servers and controllers put into them,
// only what was asked for differs.
func TestDiff(t *testing.T) {
	p := newPlugin(t)
	const ns = "diff-test"
	p.namespace(t, ns, 1)
	clusters := p.fleet.Clusters()
	last := clusters[len(clusters)-1]
	selector := map[string]string{"app": "web"}
	for _, cluster := range clusters {
		image, password := "registry/web:1", "same"
		if cluster == last {
			image, password = "registry/web:2", "other"
		}
		client := p.client(t, cluster)
		_, err := client.AppsV1().Deployments(ns).Create(t.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: selector},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}, Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "web", Image: image}, {Name: "log", Image: "registry/log:1"}},
				}},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.CoreV1().Services(ns).Create(t.Context(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: selector, Ports: []corev1.ServicePort{{Port: 80}}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.CoreV1().Secrets(ns).Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "db"}, StringData: map[string]string{"user": "admin", "password": password},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.run(t, "diff", "service/web", "-n", ns).want(t, 0)
	if others := clusters[:len(clusters)-1]; len(others) > 1 {
		p.run(t, "diff", "deploy/web", "-n", ns, "-C", strings.Join(others, ",")).want(t, 0)
	}

	items := decode[v1alpha1.Comparison](t, p.run(t, "diff", "deploy/web", "-n", ns, "-o", "json").want(t, 1)).Items
	want := []v1alpha1.ComparisonGroup{
		{Clusters: slices.Sorted(slices.Values(clusters[:len(clusters)-1])), Reference: true},
		{Clusters: []string{last}, Differences: []v1alpha1.Difference{{
			Path: "spec.template.spec.containers[name=web].image", Reference: "registry/web:1", Value: "registry/web:2",
		}}},
	}
	if len(items) != 1 {
		t.Fatalf("%d comparisons", len(items))
	}
	if diff := cmp.Diff(want, items[0].Groups); diff != "" {
		t.Error(diff)
	}

	secret := p.run(t, "diff", "secret/db", "-n", ns).want(t, 1)
	if !strings.Contains(secret.stdout, "data.password") || strings.Contains(secret.stdout, "data.user") || strings.Contains(secret.stdout, "b3RoZXI=") {
		t.Errorf("secret:\n%s", secret.stdout)
	}

	err := p.client(t, last).CoreV1().ConfigMaps(ns).Delete(context.WithoutCancel(t.Context()), "thing-000", metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gone := p.run(t, "diff", "cm/thing-000", "-n", ns, "--ignore", "metadata.labels.cluster").want(t, 1)
	if !strings.Contains(gone.stdout, last+"     ") || !strings.Contains(gone.stdout, "<absent>") {
		t.Errorf("absent:\n%s", gone.stdout)
	}
	p.run(t, "diff", "cm/nobody", "-n", ns).want(t, 8)
}
