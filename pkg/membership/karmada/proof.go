package karmada

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// ErrUnproven is what was done, and not seen in time to work.
var ErrUnproven = errors.New("not proven")

func unproven(format string, args ...any) error {
	return &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf(format+": %w", append(args, ErrUnproven)...)}
}

// holder is the way to a member with the token of a Secret.
func holder(ctx context.Context, m *member.Member, secret *unstructured.Unstructured) (*member.Member, error) {
	token, err := base64.StdEncoding.DecodeString(tokenOf(secret))
	if err != nil {
		return nil, err
	}
	return m.WithToken(ctx, string(token))
}

// accepted is nil if a member takes who has a token for the account that it is
// for: what the account may do, its holder may do.
func accepted(ctx context.Context, m *member.Member, secret *unstructured.Unstructured, account string) error {
	other, err := holder(ctx, m, secret)
	if err != nil {
		return err
	}
	user, err := other.Whoami(ctx)
	if want := "system:serviceaccount:" + namespace + ":" + account; err == nil && user.Username != want {
		err = &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("the server takes its token for %s, not for %s", user.Username, want)}
	}
	return err
}

// awaitDeath returns when a member refuses a token. Its API server may keep a
// token that it has seen for ten seconds more.
func awaitDeath(ctx context.Context, where string, m *member.Member, secret *unstructured.Unstructured, timeout time.Duration) error {
	other, err := holder(ctx, m, secret)
	if err != nil {
		return failed(where, secret, err)
	}
	for end := time.Now().Add(timeout); ; {
		_, err := other.Whoami(ctx)
		switch {
		case member.ReasonOf(err) == member.ReasonUnauthorized:
			return nil
		case err != nil:
			return failed(where, secret, err)
		case time.Now().After(end):
			return unproven("%s still accepts the old token of %s, %s after that was deleted", where, what(secret), timeout)
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}
