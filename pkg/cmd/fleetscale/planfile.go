package fleetscale

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
)

// maxPlanFile bounds what is read, in bytes.
const maxPlanFile = 64 << 20

// readPlans reads the file that plan -o yaml, or -o json, has printed.
func readPlans(env *cli.Env, path string) (map[string]*v1alpha1.ScalePlan, error) {
	in := env.In
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // the user's own file
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPlanFile))
	if err != nil {
		return nil, err
	}
	list := struct {
		Kind  string               `json:"kind"`
		Items []v1alpha1.ScalePlan `json:"items"`
	}{}
	if err := yaml.Unmarshal(bytes.TrimSpace(text), &list); err != nil {
		return nil, err
	}
	if list.Kind != "List" || len(list.Items) == 0 {
		return nil, errors.New("it is no list of plans: plan -o yaml prints one")
	}
	plans := map[string]*v1alpha1.ScalePlan{}
	for i := range list.Items {
		p := &list.Items[i]
		switch {
		case p.Kind != v1alpha1.ScalePlanKind || p.APIVersion != v1alpha1.APIVersion:
			return nil, fmt.Errorf("item %d is %s %s: want %s %s", i+1, p.APIVersion, p.Kind, v1alpha1.APIVersion, v1alpha1.ScalePlanKind)
		case p.Hash != scale.HashOf(p):
			return nil, fmt.Errorf("plan of %s: %w", p.Name, scale.ErrEdited)
		case len(p.Unhealthy) > 0:
			return nil, fmt.Errorf("plan of %s: the cluster was not healthy: %s", p.Name, p.Unhealthy[0])
		case plans[p.Name] != nil:
			return nil, fmt.Errorf("there are two plans of %s", p.Name)
		}
		plans[p.Name] = p
	}
	return plans, nil
}
