package fleet_test

import (
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Who was away for so long that another took the lock, and was through before that is
// noticed, stops where they are: whatever they were to do next, and on a failure, the
// other's run stays.
func TestPropagateOverrun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		gate string
		more []string
		says string
	}{
		"passed":   {"exit 0", nil, "somebody else has changed it meanwhile"},
		"rollback": {"exit 0", []string{"--on-failure", "rollback"}, "somebody else has changed it meanwhile"},
		"continue": {"exit 0", []string{"--on-failure", "continue"}, "somebody else has changed it meanwhile"},
		"failed":   {"exit 1", []string{"--on-failure", "rollback"}, "has changed the set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, "prop-over-"+name)
			a.propagate(t, with(oneMap, "COLOR", "red")).want(t, 0)
			var meanwhile []string
			for _, cluster := range a.clusters {
				meanwhile = append(meanwhile, a.fleet.Binary(t, "kubectl")+" --context "+cluster+" delete lease -n "+a.state+" set-"+a.name)
			}
			other := a.args("propagate", "-f", a.file(t, "other.yaml", with(oneMap, "COLOR", "blue")))
			meanwhile = append(meanwhile, a.path+" "+strings.Join(other, " "), test.gate)
			r := a.propagate(t, with(oneMap, "COLOR", "green"), append(test.more, "--waves", "1,100%", "--gate", strings.Join(meanwhile, " && "))...).want(t, 6)
			if !strings.Contains(r.stderr, test.says) && !strings.Contains(r.stderr, "the lock was lost") {
				t.Errorf("it does not say why:\n%s", r.stderr)
			}
			a.each(t, func(cluster string, _ *kubernetes.Clientset) {
				if color := a.configMaps(t, cluster)["settings"]["color"]; color != "blue" {
					t.Errorf("%s is %s, and blue was last", cluster, color)
				}
			})
			for _, s := range decode[v1alpha1.SetStatus](t, a.do(t, "status", "-o", "json").want(t, 0)).Items {
				if len(s.Drifted) > 0 || s.Phase != "Done" {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}
