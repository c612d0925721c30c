package hub

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// accountSpace has Karmada's account in a cluster, and on the hub the Secret with its
// token.
const accountSpace = "karmada-cluster"

// accountIn is Karmada's account in a cluster, where that is the one that a join makes;
// else empty: whom the hub's Secret is for is not to be read from here.
func accountIn(cluster *unstructured.Unstructured) string {
	mode, _, _ := unstructured.NestedString(cluster.Object, "spec", "syncMode")
	space, _, _ := unstructured.NestedString(cluster.Object, "spec", "secretRef", "namespace")
	secret, _, _ := unstructured.NestedString(cluster.Object, "spec", "secretRef", "name")
	if mode != "Push" || space != accountSpace || secret != cluster.GetName() {
		return ""
	}
	return "karmada-" + cluster.GetName()
}

// barred says that Karmada's account in a cluster lacks a right; empty if it has it, or
// nobody says.
func (p *planner) barred(ctx context.Context, m *member.Member, cluster string, access authorizationv1.ResourceAttributes) string {
	account := p.beside.accounts[cluster]
	if account == "" {
		return ""
	}
	accounts := member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, Kind: "ServiceAccount", Namespaced: true}
	if _, err := m.Object(ctx, accounts, accountSpace, account); err != nil {
		return ""
	}
	review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + accountSpace + ":" + account,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + accountSpace, "system:authenticated"},
		ResourceAttributes: &access,
	}}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&review)
	if err != nil {
		return ""
	}
	kind := authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview")
	question := &unstructured.Unstructured{Object: fields}
	question.SetGroupVersionKind(kind)
	answer, err := m.Create(ctx, member.Resource{GroupVersionResource: kind.GroupVersion().WithResource("subjectaccessreviews"), Kind: kind.Kind}, question)
	if err != nil {
		return ""
	}
	if allowed, says, _ := unstructured.NestedBool(answer.Object, "status", "allowed"); allowed || !says {
		return ""
	}
	return fmt.Sprintf("Karmada may not %s %s there: its account %s/%s lacks the right; join --role gives it", access.Verb, access.Resource, accountSpace, account)
}
