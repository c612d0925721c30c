package join

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
)

// dying is how long a token may be accepted after its Secret has gone: an API
// server remembers what it has accepted for ten seconds.
const dying = 30 * time.Second

// TestRotateKilledAtAnyWrite: for every write of a rotation, killed before the
// server hears of it and before the answer is heard, the same command ends it:
// each account has one token, the hub has that, and no other is accepted.
func TestRotateKilledAtAnyWrite(t *testing.T) {
	l := newLab(t)
	if code, out := l.run(t, 0, false, "join", "c1", to, "--wait", "--timeout", "3m"); code != 0 {
		t.Fatalf("join: %d %s", code, out)
	}
	for _, after := range []bool{false, true} {
		when := map[bool]string{false: "before the server hears of it", true: "before the answer is heard"}[after]
		for at := 1; ; at++ {
			what := fmt.Sprintf("rotation killed at write %d, %s", at, when)
			before := l.tokens(t)
			code, out := l.rotate(t, at, after)
			if !l.reached {
				if code != 0 {
					t.Fatalf("%s: a rotation without a kill: %d %s", what, code, out)
				}
				t.Logf("rotation: %d writes, each killed %s", at-1, when)
				break
			}
			between := l.tokens(t)
			if code, out := l.rotate(t, 0, false); code != 0 {
				t.Fatalf("%s: again: %d %s", what, code, out)
			}
			if err := l.rotated(t, before, between); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	l.mustUnjoin(t, "at the end")
}

func (l *lab) rotate(t *testing.T, at int, after bool) (int, string) {
	t.Helper()
	return l.run(t, at, after, "join", "c1", to, "--rotate", "--timeout", "3m")
}

// secrets are those of one side in the namespace of joins.
func (l *lab) secrets(t *testing.T, context string) []corev1.Secret {
	t.Helper()
	client, err := kubernetes.NewForConfig(l.fleet.RESTConfig(t, context))
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Secrets("karmada-cluster").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// tokens are those that are there, on either side.
func (l *lab) tokens(t *testing.T) []string {
	t.Helper()
	var tokens []string
	for _, secret := range slices.Concat(l.secrets(t, "c1"), l.secrets(t, karmada.Hub)) {
		tokens = append(tokens, string(secret.Data["token"]))
	}
	return tokens
}

// rotated says what is not as a rotation leaves it: before it began there were
// other tokens, and between the kill and its end there were some.
func (l *lab) rotated(t *testing.T, before, between []string) error {
	t.Helper()
	now := map[string][]string{} // by account
	for _, secret := range l.secrets(t, "c1") {
		account := secret.Annotations[corev1.ServiceAccountNameKey]
		now[account] = append(now[account], string(secret.Data["token"]))
	}
	hub := map[string]string{}
	for _, secret := range l.secrets(t, karmada.Hub) {
		hub[secret.Name] = string(secret.Data["token"])
	}
	for account, secret := range map[string]string{"karmada-c1": "c1", "karmada-impersonator": "c1-impersonator"} {
		if tokens := now[account]; len(tokens) != 1 || tokens[0] != hub[secret] {
			return fmt.Errorf("%s has %d tokens, or the hub has another", account, len(tokens))
		}
		if err := l.tries(t, hub[secret]); err != nil {
			return fmt.Errorf("the token of %s: %w", account, err)
		}
	}
	for i, token := range slices.Concat(before, between) {
		if token == "" {
			continue
		}
		if token == hub["c1-impersonator"] || token == hub["c1"] {
			if i < len(before) {
				return errors.New("an old token is in use again")
			}
			continue // made by the run that was killed
		}
		err := l.tries(t, token)
		for end := time.Now().Add(dying); !apierrors.IsUnauthorized(err); err = l.tries(t, token) {
			if time.Now().After(end) {
				return fmt.Errorf("an old token is not refused: %w", err)
			}
			time.Sleep(time.Second)
		}
	}
	return nil
}

// tries is nil if c1 knows who has a token.
func (l *lab) tries(t *testing.T, token string) error {
	t.Helper()
	config := rest.AnonymousClientConfig(l.fleet.RESTConfig(t, "c1"))
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), dying)
	defer cancel()
	_, err = client.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
	if apierrors.IsForbidden(err) { // who that is, it knows
		return nil
	}
	return err
}
