package capi_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

// Who says --yes is not shown the plan, and is told all the same what of a cluster it does not
// reckon with: an autoscaler, and pods that may come back to the node that they left. It is here
// since an autoscaler is everybody's who shares a cluster.
func (e *estate) testUnforeseen(t *testing.T) {
	t.Helper()
	own := estates.In(t, e.Fleet, "c2", 3)
	own.Workload(t, "cluster-autoscaler", 1, nil)
	own.Workload(t, "web", 2, nil, func(p *corev1.PodTemplateSpec) {
		p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists})
	})
	program := estates.NewProgram(t, "")
	env := []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + e.Fleet.Kubeconfig()}
	for _, args := range [][]string{
		{"down", "--nodes", own.Busy(t, "cluster-autoscaler"), "--keep-nodes"},
		{"set", "--pool", own.Name, "--workers", "2", "--min-age", "0", "--remove-with", "hook=" + program.Path},
	} {
		args = append(args, "-C", "c2", "--settle", "0s", "--reserve=false", "--timeout", "1m", "--state-namespace", own.Name, "--yes")
		code, out, _ := (&killer.Killer{}).Run(t, 0, false, env, args...)
		if code != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, code, out)
		}
		for _, says := range []string{
			"warning: c2: not modelled: Cluster Autoscaler runs (Deployment " + own.Name + "/cluster-autoscaler)",
			"warning: c2: not modelled: every taint is tolerated by these pods, which may come back to a node that leaves: " + own.Name + "/web-",
		} {
			if strings.Count(out, says) != 1 {
				t.Errorf("%s says %d times %q\n%s", args[0], strings.Count(out, says), says, out)
			}
		}
	}
}
