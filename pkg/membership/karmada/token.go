package karmada

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// tokenWait is how long the token controller of a member may take.
const tokenWait = 30 * time.Second

// tokenSecrets are the Secrets of a member with tokens of one account. More than
// one it has only while its token is replaced.
func tokenSecrets(ctx context.Context, where string, m *member.Member, account string) ([]unstructured.Unstructured, error) {
	var found []unstructured.Unstructured
	for page, err := range m.Objects(ctx, member.ListRequest{Resource: resourceOf(kindSecret), Namespace: namespace, Limit: 500}) {
		if err != nil {
			return nil, failed(where, newTokenSecret("*", account, nil), err)
		}
		for i := range page {
			isToken := page[i].Object["type"] == string(corev1.SecretTypeServiceAccountToken)
			if isToken && page[i].GetAnnotations()[corev1.ServiceAccountNameKey] == account {
				found = append(found, page[i])
			}
		}
	}
	return found, nil
}

// findSecret says which Secret of the member has, or is to have, the token for
// the hub: the one whose token the hub has, and without one the last that was
// made. A new one has the name of the account, as karmadactl calls it.
func (j *joining) findSecret(ctx context.Context) (string, error) {
	account := accountName(j.request.Name)
	there, err := tokenSecrets(ctx, j.request.Name, j.request.Member, account)
	if err != nil || len(there) == 0 {
		return account, err
	}
	given, err := find(ctx, j.hub.Name, j.hub.member, kindSecret, namespace, j.request.Name)
	if err != nil {
		return "", err
	}
	last := &there[0]
	for i := range there {
		if token := tokenOf(&there[i]); given != nil && token != "" && token == tokenOf(given) {
			return there[i].GetName(), nil
		}
		if last.GetCreationTimestamp().Time.Before(there[i].GetCreationTimestamp().Time) {
			last = &there[i]
		}
	}
	return last.GetName(), nil
}

// tokenOf is the token in a Secret, in base64; empty if there is none.
func tokenOf(secret *unstructured.Unstructured) string {
	token, _, _ := unstructured.NestedString(secret.Object, "data", tokenKey)
	return token
}

// readTokens reads the tokens that are there. What is not there yet comes later.
func (j *joining) readTokens(ctx context.Context) {
	for name, token := range j.tokens() {
		if secret, err := j.request.Member.Object(ctx, resourceOf(kindSecret), namespace, name); err == nil {
			_ = j.keep(secret, token)
		}
	}
}

func (j *joining) awaitTokens(ctx context.Context) error {
	for name, token := range j.tokens() {
		secret, err := awaitToken(ctx, j.request.Name, j.request.Member, name)
		if err != nil {
			return err
		}
		if err := j.keep(secret, token); err != nil {
			return err
		}
	}
	return nil
}

// tokens are the Secrets of the member from which the hub gets a token, and where
// each token is kept.
func (j *joining) tokens() map[string]*string {
	tokens := map[string]*string{j.secret: &j.token}
	if j.request.Impersonator {
		tokens[impersonator] = &j.impersonation
	}
	return tokens
}

// keep takes a token from its Secret, and the cluster's CA with it.
func (j *joining) keep(secret *unstructured.Unstructured, token *string) error {
	*token = tokenOf(secret)
	if *token == "" || len(j.ca) > 0 {
		return nil
	}
	text, _, _ := unstructured.NestedString(secret.Object, "data", "ca.crt")
	ca, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return failed(j.request.Name, secret, err)
	}
	j.ca = ca
	return nil
}

// awaitToken waits until the token controller has filled a Secret.
func awaitToken(ctx context.Context, where string, m *member.Member, name string) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tokenWait, fmt.Errorf("%s: the token controller did not make a token within %s", where, tokenWait))
	defer cancel()
	for {
		secret, err := m.Object(ctx, resourceOf(kindSecret), namespace, name)
		if err != nil {
			return nil, failed(where, newTokenSecret(name, "", nil), err)
		}
		if tokenOf(secret) != "" {
			return secret, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
