package quiesce

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/jsonpath"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// newPatch is an object that is another for a while, which somebody acts upon.
func newPatch(r Run, m *member.Member, a v1alpha1.PatchAction, timeout time.Duration) (action, error) {
	if a.Freeze == nil {
		return nil, errors.New("it has no patch to freeze with")
	}
	var frozen map[string]any
	if err := decode(a.Freeze.Raw, &frozen); err != nil {
		return nil, fmt.Errorf("its patch is no object in JSON: %w", err)
	}
	group, err := schema.ParseGroupVersion(a.APIVersion)
	if err != nil {
		return nil, err
	}
	o := object{
		run: r, member: m, timeout: timeout, namespace: a.Namespace, name: a.Name, frozen: frozen,
		resource: func(ctx context.Context) (member.Resource, error) {
			return m.ResourceOf(ctx, group.WithKind(a.Kind), false)
		},
	}
	if a.Until == "" {
		return o, nil
	}
	until := jsonpath.New("until").AllowMissingKeys(true)
	if err := until.Parse(a.Until); err != nil {
		return nil, fmt.Errorf("until: %w", err)
	}
	o.awaits = func(_ context.Context, now *unstructured.Unstructured) (string, error) {
		var text strings.Builder
		if err := until.Execute(&text, now.Object); err != nil {
			return "", fmt.Errorf("until: %w", err)
		}
		if text.String() == a.UntilValue {
			return "", nil
		}
		return fmt.Sprintf("%s to be %q, which is %q", a.Until, a.UntilValue, text.String()), nil
	}
	return o, nil
}
