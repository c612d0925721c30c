package restore

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/wait"
)

// readyLook is between looks whether what was restored is ready.
const readyLook = time.Second

// ready waits until all that was restored is as its spec says.
func (o *one) ready(ctx context.Context) error {
	var all []member.Resource
	err := patience.Try(ctx, func() (err error) {
		all, err = o.restored(ctx)
		return err
	})
	if err != nil {
		return err
	}
	said := ""
	for types := all; ; {
		first, left, err := o.notReady(ctx, types)
		switch {
		case err != nil && !member.IsAway(err):
			return err
		case err == nil && len(left) == 0 && len(types) == len(all):
			o.change(func(p *v1alpha1.RestoreProgress) { p.Why = "" })
			return nil
		case err == nil && len(left) == 0:
			types = all // once more, all of them at the same time
			continue
		case err == nil:
			types = left
			if first != said {
				said = first
				o.waits(first)
			}
		}
		if err := pause(ctx, readyLook); err != nil {
			return err
		}
	}
}

// selector finds what the member's Restore has made.
func (o *one) selector() string {
	return velero.RestoreName + "=" + velero.LabelValue(o.progress.Restore.Name)
}

// restored are the types of which the Restore has made anything.
func (o *one) restored(ctx context.Context) ([]member.Resource, error) {
	all, err := velero.Types(ctx, o.member)
	if err != nil {
		return nil, err
	}
	var made []member.Resource
	objects := 0
	for _, r := range all {
		n, err := o.count(ctx, r)
		if err != nil {
			return nil, err
		}
		if objects += n; n > 0 {
			made = append(made, r)
		}
	}
	o.change(func(p *v1alpha1.RestoreProgress) { p.Objects = objects })
	return made, nil
}

// count counts what the Restore has made of a type. One that cannot be listed after
// all has nothing that could be waited for.
func (o *one) count(ctx context.Context, r member.Resource) (int, error) {
	n := 0
	for page, err := range o.member.Metadata(ctx, member.ListRequest{Resource: r, LabelSelector: o.selector(), Limit: 500}) {
		switch reason := member.ReasonOf(err); {
		case err == nil:
		case reason == member.ReasonForbidden, reason == member.ReasonNotFound, reason == member.ReasonInvalid:
			return n, nil
		default:
			return n, err
		}
		n += len(page)
	}
	return n, nil
}

// notReady are the types of which something is not as it should be, and the first of
// that. A Job that has failed will not be: that is an error.
func (o *one) notReady(ctx context.Context, types []member.Resource) (first string, left []member.Resource, err error) {
	for _, r := range types {
		waiting := false
		for page, err := range o.member.Objects(ctx, member.ListRequest{Resource: r, LabelSelector: o.selector(), Limit: 500}) {
			if err != nil {
				return "", nil, err
			}
			for i := range page {
				if metav1.GetControllerOf(&page[i]) != nil {
					continue // its controller speaks for it, and may have others by now
				}
				verdict, why := wait.Of(&page[i])
				if verdict == wait.Current {
					continue
				}
				if verdict == wait.Failed && r.Group == "batch" {
					return "", nil, fmt.Errorf("%s %s: %s", r.Kind, nameOf(&page[i]), why)
				}
				waiting = true
				if what := fmt.Sprintf("%s %s: %s", r.Kind, nameOf(&page[i]), why); first == "" {
					first = what
				}
			}
		}
		if waiting {
			left = append(left, r)
		}
	}
	return first, left, nil
}

// nameOf is NAMESPACE/NAME, or NAME.
func nameOf(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}
