package restore

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
)

// namespacesOf are the namespaces that a member's Backup was asked to have, and
// those of its volumes; nil where the policy does not name them one by one.
func namespacesOf(e *v1alpha1.BackupExecution, m v1alpha1.MemberExecution) ([]string, error) {
	var included []string
	// A merge patch of a list replaces it.
	for _, text := range [][]byte{e.Spec.Policy.Spec.Velero.Template.Raw, changesOf(e, m.Cluster)} {
		var given struct {
			IncludedNamespaces *[]string `json:"includedNamespaces"`
		}
		if len(text) > 0 {
			if err := json.Unmarshal(text, &given); err != nil {
				return nil, fmt.Errorf("the set's template: %w", err)
			}
		}
		if given.IncludedNamespaces != nil {
			included = *given.IncludedNamespaces
		}
	}
	if len(included) == 0 || slices.ContainsFunc(included, policy.IsPattern) {
		return nil, nil
	}
	names := map[string]bool{}
	for _, name := range included {
		names[name] = true
	}
	for _, v := range m.Volumes {
		names[v.Namespace] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func changesOf(e *v1alpha1.BackupExecution, cluster string) []byte {
	policy := policyOf(e, cluster)
	if policy == nil || policy.Velero == nil {
		return nil
	}
	return policy.Velero.Raw
}

// inTarget is the name that a namespace gets.
func inTarget(x *v1alpha1.RestoreExecutionSpec, namespace string) string {
	return cmp.Or(x.NamespaceMappings[namespace], namespace)
}
