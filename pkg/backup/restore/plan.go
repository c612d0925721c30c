package restore

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Request is how a set is to be restored.
type Request struct {
	Purpose v1alpha1.RestorePurpose
	// Run is the name of the run, unless one is gone on with.
	Run string
	// Clusters are the targets, by the cluster that was backed up. One that is not
	// named is its own target.
	Clusters map[string]string
	// Chosen gives a target its name in the fleet; empty: it is none of the clusters that
	// were chosen. Nil: all are meant.
	Chosen func(target string) string
	// Namespaces and StorageClasses are new names.
	Namespaces, StorageClasses map[string]string
	// AllowGrade is the worst grade that is good enough; empty: the policy says.
	AllowGrade v1alpha1.BackupGrade
	// AllowIncomplete restores a set that lacks members.
	AllowIncomplete bool
	// Update patches objects that are there and differ; else they stay as they are.
	Update bool
	// By is who asks, as USER@HOST, and Version with which plugin.
	By, Version string
	// Now is when.
	Now time.Time
}

// What becomes of objects that are there and differ, as Velero calls it.
const (
	existingKept    = "none"
	existingUpdated = "update"
)

// RefusedError is a restore that is not begun: nothing was changed.
type RefusedError struct {
	Err error
	// Fix is what a person can do about it.
	Fix string
}

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*RefusedError) Reason() member.Reason { return member.ReasonRefused }

// PlanOf is how a set would be restored. It asks nobody. An error that is no
// *RefusedError is a mistake in the request.
func PlanOf(e *v1alpha1.BackupExecution, r Request) (*v1alpha1.RestoreExecution, error) {
	if err := good(e, r); err != nil {
		return nil, err
	}
	x := &v1alpha1.RestoreExecution{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.RestoreExecutionKind},
		ObjectMeta: metav1.ObjectMeta{Name: r.Run},
		Spec: v1alpha1.RestoreExecutionSpec{
			Set: e.Name, Grade: e.Status.Grade, Covers: e.Status.Covers, Purpose: r.Purpose,
			NamespaceMappings: r.Namespaces, StorageClassMappings: r.StorageClasses, ExistingResources: existingKept,
			Canary: e.Spec.Policy.Spec.Canary, CanaryWord: e.Status.Canary, Probes: e.Spec.Policy.Spec.Probes, By: r.By, Version: r.Version,
		},
	}
	if r.Update {
		x.Spec.ExistingResources = existingUpdated
	}
	turns, err := wavesOf(e)
	if err != nil {
		return nil, err
	}
	for _, m := range e.Status.Members {
		if m.Missing != "" {
			x.Spec.LeftOut = append(x.Spec.LeftOut, m.Cluster)
			continue
		}
		part := v1alpha1.RestoreMember{
			Source: m.Cluster, SourceUID: m.UID, Target: cmp.Or(r.Clusters[m.Cluster], m.Cluster), Wave: turns[m.Cluster],
			Backup: m.Backup.Name, Location: m.Location, VeleroNamespace: cmp.Or(m.VeleroNamespace, "velero"), Volumes: m.Volumes,
			Canary: m.Canary, KubernetesVersion: m.KubernetesVersion,
		}
		if policy := policyOf(e, m.Cluster); policy != nil {
			part.DependsOn = policy.DependsOn
		}
		if part.Namespaces, err = namespacesOf(e, m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Cluster, err)
		}
		x.Spec.Members = append(x.Spec.Members, part)
	}
	if err := known(x, r); err != nil {
		return nil, err
	}
	if err := narrow(x, r); err != nil {
		return nil, err
	}
	if r.Purpose == v1alpha1.RestoreForDrill {
		if err := apart(x); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(x.Spec.Members, func(a, b v1alpha1.RestoreMember) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.Source, b.Source))
	})
	return x, namespacesFit(x, r)
}

// good refuses a set that should not be restored.
func good(e *v1alpha1.BackupExecution, r Request) error {
	s := &e.Status
	switch {
	case s.Phase == v1alpha1.BackupAborted:
		return &RefusedError{Err: fmt.Errorf("%s is no set: its run was aborted, and there are no backups of it", e.Name), Fix: "get shows the sets that there are"}
	case s.Phase != v1alpha1.BackupSealed:
		return &RefusedError{Err: fmt.Errorf("%s is no set: it is %s", e.Name, cmp.Or(string(s.Phase), "not sealed")), Fix: "recover brings a run to its end"}
	case !s.Expires.IsZero() && !s.Expires.After(r.Now):
		return &RefusedError{Err: fmt.Errorf("%s expired at %s: Velero has deleted backups of it, or is about to", e.Name, s.Expires.UTC().Format(time.RFC3339))}
	}
	least := cmp.Or(r.AllowGrade, e.Spec.Policy.Spec.MinimumGrade)
	if least == "" {
		least = v1alpha1.GradeAligned
		if len(e.Spec.Policy.Spec.Quiesce) > 0 {
			least = v1alpha1.GradeQuiesced
		}
	}
	if s.Grade == "" || !set.Better(s.Grade, least) {
		why := ""
		if len(s.Why) > 0 {
			why = ": " + strings.Join(s.Why, "; ")
		}
		return &RefusedError{
			Err: fmt.Errorf("%s is %s, and should be %s%s", e.Name, cmp.Or(s.Grade, "of no grade"), least, why),
			Fix: fmt.Sprintf("--allow-grade %s restores it all the same", s.Grade),
		}
	}
	var missing []string
	for _, m := range s.Members {
		if m.Missing != "" {
			missing = append(missing, m.Cluster+" ("+m.Missing+")")
		}
	}
	switch {
	case len(missing) == len(s.Members):
		return &RefusedError{Err: fmt.Errorf("%s has no member with a backup", e.Name)}
	case len(missing) > 0 && !r.AllowIncomplete:
		return &RefusedError{
			Err: fmt.Errorf("%s is not complete; missing: %s", e.Name, strings.Join(missing, ", ")), Fix: "--allow-incomplete restores the others",
		}
	}
	return nil
}

func policyOf(e *v1alpha1.BackupExecution, cluster string) *v1alpha1.BackupMember {
	members := e.Spec.Policy.Spec.Members
	i := slices.IndexFunc(members, func(m v1alpha1.BackupMember) bool { return m.Cluster == cluster })
	if i < 0 {
		return nil
	}
	return &members[i]
}

// known is an error if names of a request mean nothing.
func known(x *v1alpha1.RestoreExecution, r Request) error {
	for _, source := range slices.Sorted(maps.Keys(r.Clusters)) {
		if !slices.ContainsFunc(x.Spec.Members, func(m v1alpha1.RestoreMember) bool { return m.Source == source }) {
			return fmt.Errorf("--map %s=%s: %s has no member %s", source, r.Clusters[source], x.Spec.Set, source)
		}
	}
	for from, to := range r.StorageClasses {
		if from == "" || to == "" {
			return errors.New("--storage-class-mappings: a name is empty")
		}
	}
	return nil
}

// namespacesFit is an error if two namespaces would become one.
func namespacesFit(x *v1alpha1.RestoreExecution, r Request) error {
	known, found := true, map[string]bool{}
	type spot struct{ target, namespace string }
	taken := map[spot]v1alpha1.RestoreMember{}
	alone := map[string]int{} // members by target
	for _, m := range x.Spec.Members {
		alone[m.Target]++
	}
	for _, m := range x.Spec.Members {
		if m.Namespaces == nil {
			known = false
			if alone[m.Target] > 1 {
				return &RefusedError{
					Err: fmt.Errorf("%s shares its target %s with others, and which namespaces its backup has is not known", m.Source, m.Target),
					Fix: "map it to a cluster of its own",
				}
			}
		}
		for _, from := range m.Namespaces {
			found[from] = true
			at := spot{m.Target, inTarget(&x.Spec, from)}
			if other, is := taken[at]; is {
				return fmt.Errorf("namespace %s of %s would be that of %s and that of %s: %s", at.namespace, at.target, other.Source, m.Source, apartBy(other, m, r))
			}
			taken[at] = m
		}
	}
	for _, from := range slices.Sorted(maps.Keys(x.Spec.NamespaceMappings)) {
		switch to := x.Spec.NamespaceMappings[from]; {
		case to == "" || from == "":
			return errors.New("--namespace-mappings: a name is empty")
		case known && !found[from]:
			return fmt.Errorf("--namespace-mappings %s:%s: %s has no namespace %s", from, to, x.Spec.Set, from)
		}
	}
	return nil
}

// apartBy is how two namespaces that would become one can be kept apart.
func apartBy(one, other v1alpha1.RestoreMember, r Request) string {
	switch {
	case one.Source == other.Source:
		return "--namespace-mappings"
	case r.Clusters[one.Source] == "" || r.Clusters[other.Source] == "":
		return fmt.Sprintf("-C %s leaves its own part out, or --map one of them elsewhere", one.Target)
	}
	return "--map one of them elsewhere"
}

// drillSuffix is on the names of namespaces of a drill that are not mapped.
const drillSuffix = "-drill"

// maxNamespace is how long a namespace's name may be.
const maxNamespace = 63

// apart gives the namespaces of a drill other names than those that they have.
func apart(x *v1alpha1.RestoreExecution) error {
	mapped := maps.Clone(x.Spec.NamespaceMappings)
	if mapped == nil {
		mapped = map[string]string{}
	}
	for _, m := range x.Spec.Members {
		if m.Namespaces == nil {
			return &RefusedError{
				Err: fmt.Errorf("which namespaces the backup of %s has is not known, and a drill must give each another name", m.Source),
				Fix: "name them in the policy's template, as includedNamespaces",
			}
		}
		for _, from := range m.Namespaces {
			if mapped[from] == "" {
				mapped[from] = cut(from, maxNamespace-len(drillSuffix)) + drillSuffix
			}
			if mapped[from] == from {
				return fmt.Errorf("--namespace-mappings %s:%s: a drill restores into other namespaces", from, from)
			}
		}
	}
	x.Spec.NamespaceMappings = mapped
	return nil
}
