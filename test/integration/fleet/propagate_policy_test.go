package fleet_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	labelPolicies = `---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]
  placement:
    clusterAffinity: {labelSelector: {matchLabels: {tier: front}}}
    replicaScheduling:
      replicaSchedulingType: Divided
      replicaDivisionPreference: Weighted
      weightPreference:
        staticWeightList:
        - {targetCluster: {labelSelector: {matchLabels: {size: big}}}, weight: 3}
        - {targetCluster: {labelSelector: {matchLabels: {size: small}}}, weight: 1}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: settings}
spec:
  resourceSelectors: [{apiVersion: v1, kind: ConfigMap, name: settings}]
  placement: {clusterAffinity: {labelSelector: {matchExpressions: [{key: size, operator: NotIn, values: [big]}]}}}
---
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: mirror}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]
  overrideRules:
  - targetCluster: {labelSelector: {matchLabels: {size: small}}}
    overriders: {imageOverrider: [{component: Registry, operator: replace, value: mirror.example}]}
`
	hardwarePolicy = `---
apiVersion: policy.kurator.dev/v1alpha1
kind: DistributionPolicy
metadata: {name: web}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]
  placement:
    replicaScheduling: {replicaDivisionPreference: Weighted}
    resourceConstraints:
    - {name: example.com/gpu, requirements: [{key: hardware-of-test, operator: In, values: [a100, h100]}], minQuantity: 4}
`
)

// fleetOf makes the application's clusters a fleet, with labels.
func (a *application) fleetOf(t *testing.T, labels ...string) {
	t.Helper()
	a.withFleetFile(t)
	for i, cluster := range a.clusters {
		a.run(t, "join", cluster, "--fleet", "labelled", "--labels", labels[i], "--yes").want(t, 0)
	}
	a.env = append(a.env, "KUBECTL_FLEET=labelled")
}

// webs are the replicas and the image of the workload in each cluster that has it.
func (a *application) webs(t *testing.T) string {
	t.Helper()
	var found []string
	for _, cluster := range a.clusters {
		d, err := a.client(t, cluster).AppsV1().Deployments(a.name).Get(t.Context(), "web", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, fmt.Sprintf("%s: %d of %s", cluster, *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Image))
	}
	return strings.Join(found, ", ")
}

// Policies place by the labels of the fleet, divide by fixed weights so that the sum
// is what was asked for, and override; without a hub.
func TestPropagateByPolicies(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-policies")
	a.fleetOf(t, "tier=front,size=big", "tier=front,size=small")
	big, small := a.clusters[0], a.clusters[1]
	app := strings.Replace(slowly("1ms"), "replicas: 2", "replicas: 7", 1) + "---\n" + with(oneMap, "COLOR", "red") + labelPolicies
	a.propagate(t, app).want(t, 0)
	if got, want := a.webs(t), big+": 5 of registry/web:1, "+small+": 2 of mirror.example/registry/web:1"; got != want {
		t.Errorf("there is %s, want %s", got, want)
	}
	if inBig, inSmall := a.configMaps(t, big), a.configMaps(t, small); len(inBig) != 0 || len(inSmall) != 1 {
		t.Errorf("the settings are not in the small one alone: %v, %v", inBig, inSmall)
	}
	a.propagate(t, strings.Replace(app, "replicas: 7", "replicas: 8", 1)).want(t, 0)
	if got, want := a.webs(t), big+": 6 of registry/web:1, "+small+": 2 of mirror.example/registry/web:1"; got != want {
		t.Errorf("scaled there is %s, want %s", got, want)
	}
	// A label that changes moves what it placed; what is left behind goes with --prune.
	a.run(t, "label", small, "tier=back", "--overwrite", "--fleet", "labelled", "--yes").want(t, 0)
	a.propagate(t, app, "--prune").want(t, 0)
	if got, want := a.webs(t), big+": 7 of registry/web:1"; got != want {
		t.Errorf("after the label changed there is %s, want %s", got, want)
	}
}

// What demands hardware goes to the clusters that have as much of it free, on nodes
// that fit; each that is left out says why; with none left nothing is written.
func TestPropagateByHardware(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-hardware")
	for i, gpus := range []string{"2", "8"} {
		a.givenHardware(t, a.clusters[i], "nvidia-a100", gpus)
	}
	few, many := a.clusters[0], a.clusters[1]
	app := strings.Replace(slowly("1ms"), `image: registry/web:1}`, `image: registry/web:1, resources: {limits: {example.com/gpu: 1}}}`, 1)
	r := a.propagate(t, app+hardwarePolicy).want(t, 0)
	r.says(t, few+": 2 of example.com/gpu is free on nodes that fit, and 4 is needed: left out", many+": 8 of example.com/gpu is free on nodes that fit")
	if got, want := a.webs(t), many+": 2 of registry/web:1"; got != want {
		t.Errorf("there is %s, want %s", got, want)
	}
	// What runs there is not free: six are left.
	r = a.propagate(t, app+strings.Replace(hardwarePolicy, "minQuantity: 4", "minQuantity: 7", 1)).want(t, 5)
	r.says(t, many+": 6 of example.com/gpu is free on nodes that fit, and 7 is needed: left out", "no cluster has the hardware that")
	a.propagate(t, app+strings.Replace(hardwarePolicy, "a100", "a10", 1)).want(t, 5)
}

// givenHardware gives a node of a cluster hardware of a model, until the test ends.
func (a *application) givenHardware(t *testing.T, cluster, model, amount string) {
	t.Helper()
	nodes := a.client(t, cluster).CoreV1().Nodes()
	list, err := nodes.List(t.Context(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	node := list.Items[0].Name
	given := func(model, amount string) {
		t.Helper()
		on := []string{"--context", cluster, "patch", "node", node, "--type=merge", "-p"}
		a.kubectl(t, append(on, fmt.Sprintf(`{"metadata":{"labels":{"hardware-of-test":%s}}}`, model))...).want(t, 0)
		a.kubectl(t, append(on, fmt.Sprintf(`{"status":{"capacity":{"example.com/gpu":%[1]s},"allocatable":{"example.com/gpu":%[1]s}}}`, amount), "--subresource=status")...).want(t, 0)
	}
	t.Cleanup(func() { given("null", "null") })
	given(`"`+model+`"`, `"`+amount+`"`)
}
