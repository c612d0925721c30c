package seed

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// seedLabel marks all that this package makes, and says what it is.
const seedLabel = "testbed.kubectl-fleet.io/seed"

func labels(kind string) map[string]string { return map[string]string{seedLabel: kind} }

func namespace(i int) string { return fmt.Sprintf("seed-%03d", i+1) }

func podSpec() corev1.PodSpec {
	// Small enough that no number of them fills a node.
	requests := make(corev1.ResourceList)
	requests[corev1.ResourceCPU] = resource.MustParse("1m")
	requests[corev1.ResourceMemory] = resource.MustParse("1Mi")
	return corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "registry.example/app:1", Resources: corev1.ResourceRequirements{Requests: requests},
	}}}
}

func pod(i int, ns, node string) *corev1.Pod {
	spec := podSpec()
	spec.NodeName = node
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%05d", i+1), Namespace: ns, Labels: labels("pod")},
		Spec:       spec,
	}
}

func deployment(i int, ns string, replicas int32) *appsv1.Deployment {
	name := fmt.Sprintf("app-%03d", i+1)
	selector := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns, Labels: labels("deployment")},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}, Spec: podSpec()},
		},
	}
}

// wait returns when all seeded deployments are available and all seeded pods run.
func wait(ctx context.Context, client kubernetes.Interface, o Options) error {
	// Each answer carries every object: asked more often, the question alone would take what the clusters have of the processor. It is
	// answered from the watch cache, for being a moment behind does no harm.
	const poll = 2 * time.Second
	list := func(kind string) metav1.ListOptions {
		return metav1.ListOptions{LabelSelector: seedLabel + "=" + kind, ResourceVersion: "0"}
	}
	err := until(ctx, "deployments to become available", poll, func() (bool, error) {
		ds, err := client.AppsV1().Deployments("").List(ctx, list("deployment"))
		if err != nil {
			return false, err
		}
		available := 0
		for _, d := range ds.Items {
			if d.Status.AvailableReplicas == *d.Spec.Replicas {
				available++
			}
		}
		return available >= o.Deployments, nil
	})
	if err != nil {
		return err
	}
	return until(ctx, "pods to become ready", poll, func() (bool, error) {
		ps, err := client.CoreV1().Pods("").List(ctx, list("pod"))
		if err != nil {
			return false, err
		}
		running := 0
		for _, p := range ps.Items {
			if p.Status.Phase == corev1.PodRunning {
				running++
			}
		}
		return running >= o.Pods, nil
	})
}
