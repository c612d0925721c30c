package snapshot

import "github.com/kubectl-fleet/kubectl-fleet/pkg/member"

// Accesses are what Read cannot do without.
func Accesses() []member.Access {
	var all []member.Access
	for _, of := range []struct {
		group     string
		resources []string
	}{
		{"", []string{"nodes", "pods", "namespaces", "services", "replicationcontrollers", "persistentvolumeclaims", "persistentvolumes"}},
		{"policy", []string{"poddisruptionbudgets"}},
		{"apps", []string{"replicasets", "deployments", "statefulsets", "daemonsets"}},
		{storage, []string{"storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"}},
	} {
		for _, resource := range of.resources {
			all = append(all, member.Access{Verbs: []string{"list"}, Group: of.group, Resource: resource})
		}
	}
	return all
}
