package rights

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// role is a ClusterRole or a Role that rbac has printed.
type role struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Rules []rbacv1.PolicyRule `json:"rules"`
}

// roles are what rbac prints for a case of a command.
func (b *Bench) roles(t *testing.T, command string, c Case) []role {
	t.Helper()
	args := []string{"rbac", command, "-o", "json", "--for", strings.Join(c.Types, ",")}
	if len(c.Types) == 0 {
		args = args[:4]
	}
	if c.Namespace != "" {
		args = append(args, "-n", c.Namespace)
	}
	if b.State != "" {
		args = append(args, "--state-namespace", b.State)
	}
	if b.Velero != "" {
		args = append(args, "--velero-namespace", b.Velero)
	}
	code, out := b.run(t, "", args...)
	document, _, _ := strings.Cut(out, "\nnote: ")
	var list struct {
		Items []role `json:"items"`
	}
	if err := json.Unmarshal([]byte(document), &list); err != nil || code != 0 {
		t.Fatalf("%q: %d, %v\n%s", args, code, err, out)
	}
	return slices.DeleteFunc(list.Items, func(r role) bool { return r.Kind == "Namespace" })
}

// bindAdmin lets a user do everything, everywhere.
func (b *Bench) bindAdmin(t *testing.T, user string) {
	t.Helper()
	everything := role{ObjectMeta: metav1.ObjectMeta{Name: "everything"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}}
	everything.Kind = "ClusterRole"
	b.bind(t, user, []role{everything}, nil)
}

// reading leaves of a role what changes nothing.
func reading(r *role) {
	var rules []rbacv1.PolicyRule
	for _, rule := range r.Rules {
		if !slices.ContainsFunc(rule.Resources, isQuestion) {
			rule.Verbs = slices.DeleteFunc(slices.Clone(rule.Verbs), func(verb string) bool { return !isReading(verb) })
		}
		if len(rule.Verbs) > 0 {
			rules = append(rules, rule)
		}
	}
	r.Rules = rules
}

// bind gives a user these roles, but for what without says, until the test ends.
func (b *Bench) bind(t *testing.T, user string, roles []role, without func(*role)) {
	t.Helper()
	for i := range roles {
		r := roles[i]
		r.Rules = slices.Clone(r.Rules)
		if without != nil {
			without(&r)
		}
		for _, cluster := range b.Clusters {
			Grant(t, b.client(t, cluster), user, r.Namespace, r.Rules)
		}
	}
}

// Grant lets a user do in a cluster what rules say, in a namespace or, with "", everywhere,
// until the test ends. It returns when the server knows.
func Grant(t *testing.T, client kubernetes.Interface, user, namespace string, rules []rbacv1.PolicyRule) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	meta := metav1.ObjectMeta{Name: user, Namespace: namespace}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	rbac := client.RbacV1()
	var made, bound error
	if namespace == "" {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user}
		_, made = rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
		_, bound = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
		t.Cleanup(func() {
			_ = rbac.ClusterRoleBindings().Delete(ctx, user, metav1.DeleteOptions{})
			_ = rbac.ClusterRoles().Delete(ctx, user, metav1.DeleteOptions{})
		})
	} else {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user}
		_, made = rbac.Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
		_, bound = rbac.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
		t.Cleanup(func() {
			_ = rbac.RoleBindings(namespace).Delete(ctx, user, metav1.DeleteOptions{})
			_ = rbac.Roles(namespace).Delete(ctx, user, metav1.DeleteOptions{})
		})
	}
	if err := errors.Join(made, bound); err != nil {
		t.Fatalf("rights of %s in %q: %v", user, namespace, err)
	}
	if i := slices.IndexFunc(rules, func(rule rbacv1.PolicyRule) bool { return len(rule.Verbs) > 0 }); i >= 0 {
		known(t, client, user, namespace, rules[i])
	}
}

// known waits until a server allows what a rule does.
func known(t *testing.T, client kubernetes.Interface, user, namespace string, rule rbacv1.PolicyRule) {
	t.Helper()
	resource, sub, _ := strings.Cut(rule.Resources[0], "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: resource, Subresource: sub, Name: append(rule.ResourceNames, "")[0],
	}}}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status.Allowed {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not let %v", user, rule)
		}
	}
}

// namespace makes one in a cluster, until the test ends.
func (b *Bench) namespace(t *testing.T, cluster, name string) {
	t.Helper()
	namespaces := b.client(t, cluster).CoreV1().Namespaces()
	_, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = namespaces.Delete(ctx, name, metav1.DeleteOptions{}) })
}
