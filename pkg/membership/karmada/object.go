package karmada

import (
	"encoding/base64"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// newObject makes an object of ours.
func newObject(kind, ns, name string, labels map[string]any, fields map[string]any) *unstructured.Unstructured {
	metadata := map[string]any{"name": name}
	if ns != "" {
		metadata["namespace"] = ns
	}
	all := map[string]any{managedByLabel: managedBy, systemLabel: "true"}
	maps.Copy(all, labels)
	if kind == kindCluster { // the user's own labels, by which policies select
		all = labels
	}
	if len(all) > 0 {
		metadata["labels"] = all
	}
	r := resourceOf(kind)
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": metadata}}
	maps.Copy(object.Object, fields)
	object.SetGroupVersionKind(r.GroupVersion().WithKind(kind))
	return object
}

// memberObjects are what a member gets, in the order in which they are made:
// an account for the hub, its rights, and its token.
func (j *joining) memberObjects() []*unstructured.Unstructured {
	cluster := j.request.Name
	ours := map[string]any{hubLabel: j.hub.uid}
	account, role := accountName(cluster), roleName(cluster)
	subjects := map[string]any{"subjects": []any{map[string]any{"kind": kindServiceAccount, "name": account, "namespace": namespace}}}
	binding := func(kind, ns, name, roleKind string) *unstructured.Unstructured {
		o := newObject(kind, ns, name, ours, maps.Clone(subjects))
		o.Object["roleRef"] = map[string]any{"apiGroup": rbacv1.GroupName, "kind": roleKind, "name": name}
		return o
	}
	everywhere, inside := j.request.Role.split(j.request.Namespaces)
	objects := []*unstructured.Unstructured{
		newObject(kindNamespace, "", namespace, nil, nil),
		newObject(kindServiceAccount, namespace, account, ours, nil),
		newObject(kindClusterRole, "", role, ours, rulesOf(everywhere)),
		binding(kindClusterRoleBinding, "", role, kindClusterRole),
	}
	for _, ns := range slices.Sorted(slices.Values(j.request.Namespaces)) {
		objects = append(objects, newObject(kindRole, ns, role, ours, rulesOf(inside)), binding(kindRoleBinding, ns, role, kindRole))
	}
	objects = append(objects, newTokenSecret(j.secret, account, ours))
	if j.request.Impersonator {
		objects = append(objects, newObject(kindServiceAccount, namespace, impersonator, nil, nil), newTokenSecret(impersonator, impersonator, nil))
	}
	return objects
}

// newTokenSecret is a Secret that the token controller fills with a token of an
// account, which is good for as long as the Secret exists.
func newTokenSecret(name, account string, labels map[string]any) *unstructured.Unstructured {
	o := newObject(kindSecret, namespace, name, labels, map[string]any{"type": string(corev1.SecretTypeServiceAccountToken)})
	o.SetAnnotations(map[string]string{corev1.ServiceAccountNameKey: account})
	return o
}

func rulesOf(rules []rbacv1.PolicyRule) map[string]any {
	list := make([]any, len(rules))
	for i := range rules {
		// The conversion fails for types alone that no rule has.
		list[i], _ = runtime.DefaultUnstructuredConverter.ToUnstructured(&rules[i])
	}
	return map[string]any{"rules": list}
}

// newHubSecret is a Secret in which the hub finds what it needs for a member, if
// that is known yet. It goes with its owner, the Cluster.
func newHubSecret(name string, owner []metav1.OwnerReference, data map[string]any) *unstructured.Unstructured {
	fields := map[string]any{"type": string(corev1.SecretTypeOpaque)}
	if data != nil {
		fields["data"] = data
	}
	o := newObject(kindSecret, namespace, name, nil, fields)
	if owner != nil {
		o.SetOwnerReferences(owner)
	}
	return o
}

// hubObjects are what the hub gets: the tokens, if they are known yet, and the
// Cluster.
func (j *joining) hubObjects() []*unstructured.Unstructured {
	name := j.request.Name
	var credentials, impersonation map[string]any
	if j.token != "" {
		credentials = map[string]any{caKey: base64.StdEncoding.EncodeToString(j.ca), tokenKey: j.token}
	}
	if j.impersonation != "" {
		impersonation = map[string]any{tokenKey: j.impersonation}
	}
	objects := []*unstructured.Unstructured{newObject(kindNamespace, "", namespace, nil, nil), newHubSecret(name, j.owner, credentials)}
	spec := map[string]any{
		"syncMode": "Push", "id": j.uid, "apiEndpoint": j.request.Endpoint.Server,
		"secretRef": map[string]any{"namespace": namespace, "name": name},
	}
	if j.request.Impersonator {
		objects = append(objects, newHubSecret(impersonationSecretName(name), j.owner, impersonation))
		spec["impersonatorSecretRef"] = map[string]any{"namespace": namespace, "name": impersonationSecretName(name)}
	}
	if j.request.Endpoint.Insecure {
		spec["insecureSkipTLSVerification"] = true
	}
	if j.request.Endpoint.ProxyURL != "" {
		spec["proxyURL"] = j.request.Endpoint.ProxyURL
	}
	for field, value := range map[string]string{"provider": j.request.Provider, "region": j.request.Region} {
		if value != "" {
			spec[field] = value
		}
	}
	if len(j.request.Zones) > 0 {
		zones := make([]any, len(j.request.Zones))
		for i, zone := range j.request.Zones {
			zones[i] = zone
		}
		spec["zones"] = zones
	}
	labels := map[string]any{}
	for key, value := range j.request.Labels {
		labels[key] = value
	}
	return append(objects, newObject(kindCluster, "", name, labels, map[string]any{"spec": spec}))
}
