package karmada

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Names that Karmada's controllers and karmadactl know (pkg/util/names and
// pkg/util/constants.go of Karmada v1.18).
const (
	// namespace has the service accounts in a member, and the Secrets in the hub.
	namespace = "karmada-cluster"
	// impersonator is one account of a member, for all hubs: the unified-auth
	// controller binds it by this name.
	impersonator = "karmada-impersonator"

	systemLabel = "karmada.io/system"

	tokenKey = "token"
	caKey    = "caBundle"
)

// Labels of ours.
const (
	// managedByLabel marks whatever we made.
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "kubectl-fleet"
	// hubLabel has the UID of the hub that an object in a member is for.
	hubLabel = "kubectl-fleet.io/hub"
)

func accountName(cluster string) string { return "karmada-" + cluster }

func roleName(cluster string) string { return "karmada-controller-manager:" + accountName(cluster) }

func impersonationSecretName(cluster string) string { return cluster + "-impersonator" }

func executionSpace(cluster string) string { return "karmada-es-" + cluster }

// The types that a join writes, or asks for. Their versions are those of every Kubernetes
// and Karmada that is supported, so that nothing need be discovered.
const (
	kindNamespace          = "Namespace"
	kindServiceAccount     = "ServiceAccount"
	kindSecret             = "Secret"
	kindClusterRole        = "ClusterRole"
	kindClusterRoleBinding = "ClusterRoleBinding"
	kindRole               = "Role"
	kindRoleBinding        = "RoleBinding"
	kindCluster            = "Cluster"
	kindWork               = "Work"

	kindPropagationPolicy        = "PropagationPolicy"
	kindClusterPropagationPolicy = "ClusterPropagationPolicy"
)

func resourceOf(kind string) member.Resource {
	core := schema.GroupVersion{Version: "v1"}
	policy := schema.GroupVersion{Group: "policy.karmada.io", Version: "v1alpha1"}
	rbac := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	of := func(gv schema.GroupVersion, resource string, namespaced bool) member.Resource {
		return member.Resource{GroupVersionResource: gv.WithResource(resource), Kind: kind, Namespaced: namespaced}
	}
	switch kind {
	case kindNamespace:
		return of(core, "namespaces", false)
	case kindServiceAccount:
		return of(core, "serviceaccounts", true)
	case kindSecret:
		return of(core, "secrets", true)
	case kindClusterRole:
		return of(rbac, "clusterroles", false)
	case kindClusterRoleBinding:
		return of(rbac, "clusterrolebindings", false)
	case kindRole:
		return of(rbac, "roles", true)
	case kindRoleBinding:
		return of(rbac, "rolebindings", true)
	case kindPropagationPolicy:
		return of(policy, "propagationpolicies", true)
	case kindClusterPropagationPolicy:
		return of(policy, "clusterpropagationpolicies", false)
	case kindWork:
		return of(schema.GroupVersion{Group: "work.karmada.io", Version: "v1alpha1"}, "works", true)
	}
	return of(schema.GroupVersion{Group: "cluster.karmada.io", Version: "v1alpha1"}, "clusters", false)
}
