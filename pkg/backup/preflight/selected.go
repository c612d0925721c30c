package preflight

import (
	"context"
	"slices"
	"strings"
	"sync"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Selected is what the label selectors of a Backup find.
type Selected struct {
	// Any: there is something beside Namespaces.
	Any bool
	// Unseen are types that may not be listed.
	Unseen []string
}

// selectorsOf are the label selectors of a Backup, of which an object has to fit one.
func selectorsOf(spec velerov1.BackupSpec) []*metav1.LabelSelector {
	selectors := slices.Clone(spec.OrLabelSelectors)
	if spec.LabelSelector != nil {
		selectors = append(selectors, spec.LabelSelector)
	}
	return selectors
}

// atOnce are how many types are asked for side by side.
const atOnce = 8

// readSelected looks whether the selectors find anything, type by type until something is
// found. Velero makes a good Backup of nothing but the Namespace where they do not.
func (r *reader) readSelected(ctx context.Context) error {
	selectors := selectorsOf(r.Spec)
	if len(selectors) == 0 {
		return nil
	}
	types, err := velero.Types(ctx, r.member)
	if err != nil {
		return err
	}
	types = r.taken(types)
	r.Selected = &Selected{}
	for some := range slices.Chunk(types, atOnce) {
		found, errs := make([]bool, len(some)), make([]error, len(some))
		var asking sync.WaitGroup
		for i, t := range some {
			asking.Go(func() { found[i], errs[i] = r.finds(ctx, t, selectors) })
		}
		asking.Wait()
		if slices.Contains(found, true) {
			r.Selected.Any = true
			return nil
		}
		for i, err := range errs {
			switch reason := member.ReasonOf(err); {
			case err == nil, reason == member.ReasonNotFound, reason == member.ReasonInvalid: // it cannot be listed after all
			case reason == member.ReasonForbidden:
				r.Selected.Unseen = append(r.Selected.Unseen, some[i].GroupResource().String())
			default:
				return err
			}
		}
	}
	return nil
}

// finds is true if a selector finds an object of a type that a Backup has.
func (r *reader) finds(ctx context.Context, t member.Resource, selectors []*metav1.LabelSelector) (bool, error) {
	namespaces := r.everywhere()
	if !t.Namespaced {
		namespaces = []string{""}
	}
	for _, s := range selectors {
		selector := metav1.FormatLabelSelector(s) + "," + velerov1.ExcludeFromBackupLabel + "!=true"
		for _, namespace := range namespaces {
			for page, err := range r.member.Metadata(ctx, member.ListRequest{Resource: t, Namespace: namespace, LabelSelector: selector, Limit: pageSize}) {
				if err != nil {
					return false, err
				}
				for i := range page {
					if !t.Namespaced || r.scope().has(page[i].Namespace) {
						return true, nil
					}
				}
			}
		}
	}
	return false, nil
}

// taken are the types that are in the Backup, those that most applications have before
// the others.
func (r *reader) taken(types []member.Resource) []member.Resource {
	s := r.Spec
	wide := r.scope().all() && (s.IncludeClusterResources == nil || *s.IncludeClusterResources) ||
		s.IncludeClusterResources != nil && *s.IncludeClusterResources || len(s.IncludedClusterScopedResources) > 0
	names := func(list []string, t member.Resource) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			return name == "*" || name == t.GroupVersionResource.Resource || name == t.GroupResource().String()
		})
	}
	excluded := slices.Concat(s.ExcludedResources, s.ExcludedNamespaceScopedResources, s.ExcludedClusterScopedResources)
	types = slices.DeleteFunc(types, func(t member.Resource) bool {
		return t.GroupResource().String() == "namespaces" || !t.Namespaced && !wide || names(excluded, t)
	})
	included := slices.Concat(s.IncludedResources, s.IncludedNamespaceScopedResources, s.IncludedClusterScopedResources)
	only := slices.DeleteFunc(slices.Clone(types), func(t member.Resource) bool { return !names(included, t) })
	if len(only) > 0 { // else they are called by names that only the cluster knows
		types = only
	}
	usual := []string{"deployments.apps", "statefulsets.apps", "pods", "services", "configmaps", "secrets", "persistentvolumeclaims"}
	slices.SortStableFunc(types, func(a, b member.Resource) int {
		rank := func(t member.Resource) int {
			if i := slices.Index(usual, t.GroupResource().String()); i >= 0 {
				return i
			}
			return len(usual)
		}
		return rank(a) - rank(b)
	})
	return types
}

// judgeSelected refuses selectors that find nothing.
func (f *Facts) judgeSelected(r *Report) {
	unnamed := slices.ContainsFunc(r.Refusals, func(f Finding) bool { return f.Check == CheckNamespaces })
	if f.Selected == nil || f.Selected.Any || unnamed {
		return
	}
	var texts []string
	for _, s := range selectorsOf(f.Spec) {
		texts = append(texts, metav1.FormatLabelSelector(s))
	}
	selector := strings.Join(texts, " or ")
	where := "any namespace"
	if names := scopeOf(f.Spec).literal(); names != nil {
		where = "namespace " + strings.Join(names, ", ")
	}
	if unseen := f.Selected.Unseen; len(unseen) > 0 {
		r.warn(CheckSelector, "", "nothing in %s that you may list has the labels %s; you may not list %s", where, selector, strings.Join(unseen, ", "))
		return
	}
	r.refuse(CheckSelector, "mend the selector, or leave it away", "nothing in %s has the labels %s: the Backup would be of the Namespace alone", where, selector)
}
