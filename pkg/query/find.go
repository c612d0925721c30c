package query

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// FindRequest is what is looked for in every cluster.
type FindRequest struct {
	// Name of the objects, or a glob.
	Name string
	// Image, if not nil, is looked for in workloads and pods, and Name is empty.
	Image *ImagePattern
	// Types to look at; empty: FindTypes.
	Types []string
	// Namespace; empty: all. In a namespace, types without one are left out.
	Namespace string
}

// FindTypes are the types that Find looks at by default: what people give
// names to.
func FindTypes() []string {
	return []string{
		"deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "cronjobs.batch", "jobs.batch", "pods",
		"services", "ingresses.networking.k8s.io", "configmaps", "secrets", "serviceaccounts", "persistentvolumeclaims", "namespaces",
	}
}

// SetName takes NAME or TYPE/NAME.
func (r *FindRequest) SetName(text string) error {
	kind, name, typed := strings.Cut(text, "/")
	if !typed {
		r.Name = text
		return nil
	}
	if len(r.Types) > 0 {
		return fmt.Errorf("%q names a type, and so does the list of types", text)
	}
	if kind == "" || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%q: want NAME or TYPE/NAME", text)
	}
	r.Types, r.Name = []string{kind}, name
	return nil
}

// Validate finds what no server should be asked.
func (r FindRequest) Validate() error {
	if _, err := path.Match(r.Name, ""); err != nil {
		return fmt.Errorf("name %q is no glob: %w", r.Name, err)
	}
	for _, t := range r.Types {
		if strings.TrimSpace(t) == "" {
			return fmt.Errorf("an empty resource type in %q", strings.Join(r.Types, ","))
		}
	}
	return Request{Namespace: r.Namespace}.Validate()
}

// isGlob tells a glob from the name of one object.
func (r FindRequest) isGlob() bool { return strings.ContainsAny(r.Name, `*?[\`) }

// Find looks for objects by name, or for the workloads that use an image, and
// says of each cluster what is there. A type that a cluster does not have, or
// that the user may not list there, is left out and in Report.Absent; it is a
// failure of the cluster if the request names the types.
func Find(ctx context.Context, f Fleet, r FindRequest) ([]v1alpha1.Found, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (*finder, error) {
		s := &finder{m: m, r: r}
		var err error
		if r.Image != nil {
			err = s.findImage(ctx)
		} else {
			err = s.findName(ctx)
		}
		if err != nil && len(s.found) > 0 {
			err = member.Incomplete(len(s.found), err)
		}
		return s, err
	})
	report := Report{Asked: len(results), Failures: results.Failures(func(s *finder) int {
		if s == nil {
			return 0
		}
		return len(s.found)
	})}
	var found []v1alpha1.Found
	missing := Absence{Err: &NotFoundError{Type: "object", Name: r.Name}}
	answered := 0
	var left unsearched
	for _, result := range results {
		if result.Value != nil {
			found = append(found, result.Value.found...)
			left.add(result.Cluster.Name, result.Value.left)
		}
		if result.Err != nil {
			continue
		}
		answered++
		if r.Image == nil && !r.isGlob() && len(result.Value.found) == 0 {
			missing.Clusters = append(missing.Clusters, result.Cluster.Name)
		}
	}
	report.Shown = len(found)
	report.Absent = left.absences(answered, len(r.Types) > 0)
	if len(missing.Clusters) > 0 {
		missing.Everywhere = len(found) == 0
		report.Absent = append(report.Absent, missing)
	}
	return found, report
}

// finder looks in one cluster.
type finder struct {
	m     *member.Member
	r     FindRequest
	found []v1alpha1.Found
	// left are the types that it could not look at, and why.
	left map[string]member.Reason
}

func (s *finder) findName(ctx context.Context) error {
	types := s.r.Types
	if len(types) == 0 {
		types = FindTypes()
	}
	byType := make([][]v1alpha1.Found, len(types))
	left, err := eachType(ctx, s.m, types, len(s.r.Types) == 0, func(ctx context.Context, i int, resource member.Resource) error {
		byType[i] = nil // of an attempt before
		if s.r.Namespace != "" && !resource.Namespaced {
			return nil
		}
		ask := member.ListRequest{Resource: resource, Namespace: s.r.Namespace, Limit: DefaultChunkSize}
		if !s.r.isGlob() {
			ask.FieldSelector = fields.OneTermEqualSelector("metadata.name", s.r.Name).String()
		}
		for page, err := range s.m.Metadata(ctx, ask) {
			if err != nil {
				return err
			}
			for i2 := range page {
				if globMatch(s.r.Name, page[i2].Name) {
					byType[i] = append(byType[i], s.entry(resource, page[i2].ObjectMeta))
				}
			}
		}
		return nil
	})
	s.found, s.left = slices.Concat(byType...), left
	sortFound(s.found)
	return err
}

// entry is one object, with as much of its metadata as is shown.
func (s *finder) entry(resource member.Resource, meta metav1.ObjectMeta) v1alpha1.Found {
	return v1alpha1.Found{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.FoundKind},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: meta.Namespace, Name: meta.Name, CreationTimestamp: meta.CreationTimestamp,
			Annotations: map[string]string{v1alpha1.ClusterAnnotation: s.m.Cluster().Name},
		},
		Object: v1alpha1.FoundObject{APIVersion: resource.GroupVersion().String(), Kind: resource.Kind},
	}
}

// sortFound orders what one cluster has as people look for it.
func sortFound(found []v1alpha1.Found) {
	sorted := make([]*v1alpha1.Found, len(found)) // moved less than what they point to
	for i, one := range found {
		sorted[i] = &one
	}
	slices.SortStableFunc(sorted, func(a, b *v1alpha1.Found) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Object.Kind, b.Object.Kind), cmp.Compare(a.Name, b.Name))
	})
	for i, one := range sorted {
		found[i] = *one
	}
}
