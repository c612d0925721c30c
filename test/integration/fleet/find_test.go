package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

func TestFindName(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "find-name", 3)
	found := decode[v1alpha1.Found](t, p.run(t, "find", "thing-001", "-o", "json").want(t, 0))
	var clusters []string
	for _, f := range found.Items {
		if f.Namespace == "find-name" {
			clusters = append(clusters, f.Annotations[v1alpha1.ClusterAnnotation])
		}
		if f.Object.Kind != "ConfigMap" || f.Object.APIVersion != "v1" || f.CreationTimestamp.IsZero() {
			t.Errorf("%+v", f)
		}
	}
	if !slices.Equal(clusters, p.fleet.Clusters()) {
		t.Errorf("found in %v, want %v", clusters, p.fleet.Clusters())
	}
	globbed := p.run(t, "find", "thing-*", "-n", "find-name", "--no-headers").want(t, 0)
	if got, want := strings.Count(globbed.stdout, "ConfigMap"), 3*len(p.fleet.Clusters()); got != want {
		t.Errorf("%d objects, want %d:\n%s", got, want, globbed.stdout)
	}
	// A type of another API server than the built-in one, and its metadata alone.
	apis := p.run(t, "find", "v1.apps", "--type", "apiservices", "-o", "name").want(t, 0)
	if got := strings.Count(apis.stdout, "/apiservice.apiregistration.k8s.io/v1.apps\n"); got != len(p.fleet.Clusters()) {
		t.Errorf("%s", apis.stdout)
	}
}

// The digests are those of the pods' own status, and the pods those of their
// Deployment.
func TestFindImage(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "find-image", 0)
	const image = "registry.example/find/ledger:1.9"
	cluster := p.fleet.Clusters()[0]
	client := p.client(t, cluster)
	spec := corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "first", Image: image}},
		Containers:     []corev1.Container{{Name: "main", Image: image}},
	}
	labels := map[string]string{"app": "ledger"}
	_, err := client.AppsV1().Deployments("find-image").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "ledger"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	digests := make([]string, 2)
	err = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := client.CoreV1().Pods("find-image").List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) != len(digests) {
			return false, err
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if len(pod.Status.ContainerStatuses) == 0 {
				return false, nil
			}
			digests[i] = fmt.Sprintf("sha256:%064d", i)
			pod.Status.ContainerStatuses[0].ImageID = "registry.example/find/ledger@" + digests[i]
			if _, err := client.CoreV1().Pods("find-image").UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
				return false, nil //nolint:nilerr // another wrote it: read it again
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := decode[v1alpha1.Found](t, p.run(t, "find", "--image", "find/ledger:1.*", "-o", "json").want(t, 0))
	if len(found.Items) != 1 {
		t.Fatalf("%+v", found.Items)
	}
	f := found.Items[0]
	if f.Annotations[v1alpha1.ClusterAnnotation] != cluster || f.Object.Kind != "Deployment" || f.Name != "ledger" || len(f.Images) != 1 {
		t.Fatalf("%+v", f)
	}
	use := f.Images[0]
	if use.Image != image || use.Pods != 2 || !slices.Equal(use.Containers, []string{"first", "main"}) {
		t.Errorf("%+v", use)
	}
	for _, digest := range digests {
		if !slices.Contains(use.Digests, digest) {
			t.Errorf("%v lacks %s", use.Digests, digest)
		}
	}
}

// Events that the servers' own controllers write are put together.
func TestEventsAreCountedOverClusters(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "events-counted", 0)
	for _, cluster := range p.fleet.Clusters() {
		for i := range 2 {
			_, err := p.client(t, cluster).CoreV1().Events("events-counted").Create(t.Context(), &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("event-%d", i)}, Type: corev1.EventTypeWarning, Reason: "Tested", Message: cluster,
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "events-counted", Name: fmt.Sprintf("db-%d", i)},
				Count:          3, LastTimestamp: metav1.Now(),
			}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	got := decode[v1alpha1.EventGroup](t, p.run(t, "events", "-n", "events-counted", "--types", "Warning", "-o", "json").want(t, 0))
	if len(got.Items) != 1 {
		t.Fatalf("%+v", got.Items)
	}
	e := got.Items[0]
	if e.ObjectName != "db-*" || e.Reason != "Tested" || e.Count != int64(6*len(p.fleet.Clusters())) || !slices.Equal(e.Clusters, p.fleet.Clusters()) {
		t.Errorf("%+v", e)
	}
}
