package restore

import (
	"context"
	"fmt"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Sight is what a look at a target has shown.
type Sight struct {
	UID types.UID
	// Refusals forbid the restore; Warnings are for a person to read.
	Refusals, Warnings []v1alpha1.BackupFinding
	// Before is the run of this set that the target remembers; nil: none.
	Before *v1alpha1.RestoreExecution
}

func (s *Sight) refuse(check, fix, format string, args ...any) {
	s.Refusals = append(s.Refusals, v1alpha1.BackupFinding{Check: check, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (s *Sight) warn(check, format string, args ...any) {
	s.Warnings = append(s.Warnings, v1alpha1.BackupFinding{Check: check, Message: fmt.Sprintf(format, args...)})
}

// Observer hears how a run goes on.
type Observer interface {
	// Waits: what is waited for in a target.
	Waits(target, what string)
	// Reached: a member has come to another phase.
	Reached(p v1alpha1.RestoreProgress)
	// Moved: a member has come further within its phase.
	Moved(p v1alpha1.RestoreProgress)
}

// look is a look at one target.
type look struct {
	*Sight

	plan     *v1alpha1.RestoreExecution
	cluster  string
	member   *member.Member
	observer Observer
	// patience is how long Velero may take to see a backup.
	patience time.Duration
	upcoming bool
}

// Look looks at all targets of a plan, side by side, and changes nothing. A backup that
// Velero has not seen yet is waited for.
func Look(ctx context.Context, f Fleet, x *v1alpha1.RestoreExecution, s Settings, o Observer) fanout.Results[*Sight] {
	return each(ctx, f, func(ctx context.Context, c inventory.Cluster, m *member.Member) (*Sight, error) {
		l := look{Sight: &Sight{}, plan: x, cluster: c.Name, member: m, observer: o, patience: s.Sync, upcoming: s.Upcoming}
		return l.Sight, l.all(ctx, s)
	})
}

func (l *look) all(ctx context.Context, s Settings) error {
	identity, err := l.member.Identity(ctx)
	if err != nil {
		return err
	}
	l.UID = types.UID(identity.UID)
	parts := partsOf(l.plan, l.cluster)
	if err := l.rights(ctx, parts, s); err != nil {
		return err
	}
	if l.Before, err = remembered(ctx, storeOf(l.member, s), l.plan); err != nil {
		return err
	}
	for _, namespace := range veleroNamespaces(parts) {
		server := velero.Server{Member: l.member, Namespace: namespace}
		if is, err := l.answers(ctx, server); err != nil || !is {
			return err
		}
		if err := l.queue(ctx, server); err != nil {
			return err
		}
	}
	if !s.Preview {
		if err := l.everything(ctx); err != nil {
			return err
		}
	}
	if err := l.versions(ctx, parts); err != nil {
		return err
	}
	storage, err := storageOf(ctx, l.member)
	if err != nil {
		return err
	}
	for _, part := range parts {
		l.portable(part, storage)
		if err := l.existing(ctx, part); err != nil {
			return err
		}
	}
	for _, part := range parts { // the last, since it may take a minute
		if len(l.Refusals) > 0 {
			break
		}
		if err := l.backup(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func veleroNamespaces(parts []*v1alpha1.RestoreMember) []string {
	var names []string
	seen := map[string]bool{}
	for _, part := range parts {
		if !seen[part.VeleroNamespace] {
			seen[part.VeleroNamespace] = true
			names = append(names, part.VeleroNamespace)
		}
	}
	return names
}

// answers is false, and a refusal, where there is no Velero, or none that works.
func (l *look) answers(ctx context.Context, server velero.Server) (bool, error) {
	_, err := server.Version(ctx)
	switch reason := member.ReasonOf(err); {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case reason == member.ReasonUnreachable, reason == member.ReasonUnauthorized:
		return false, err
	}
	fix := "velero install, or scale its Deployment up"
	if elsewhere := server.Elsewhere(ctx); len(elsewhere) > 0 {
		fix = fmt.Sprintf("the set was made by a Velero in namespace %s, and here it is in %s: restore into a cluster that has it there", server.Namespace, strings.Join(elsewhere, " and "))
	}
	l.refuse("Velero", fix, "no answer from Velero in namespace %s: %v", server.Namespace, err)
	return false, nil
}

// colon is a text with a colon before it, or nothing.
func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// queue says what Velero has to do first.
func (l *look) queue(ctx context.Context, server velero.Server) error {
	all, err := server.Restores(ctx, "")
	if err != nil {
		return err
	}
	for _, r := range all {
		ours := l.Before != nil && r.Labels[RunLabel] == l.Before.Name
		if !ours && !velero.IsRestoreTerminal(r.Status.Phase) {
			l.warn("queue", "Restore %s is %s: Velero does one at a time", r.Name, orNew(r.Status.Phase))
		}
	}
	return nil
}

func orNew(p velerov1.RestorePhase) velerov1.RestorePhase {
	if p == "" {
		return velerov1.RestorePhaseNew
	}
	return p
}

// versions says where a target is older than what was backed up.
func (l *look) versions(ctx context.Context, parts []*v1alpha1.RestoreMember) error {
	info, err := l.member.Version(ctx)
	if err != nil {
		return err
	}
	is, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return nil //nolint:nilerr // a version that nobody can read is no reason to stop
	}
	for _, part := range parts {
		was, err := version.ParseGeneric(part.KubernetesVersion)
		if err == nil && is.WithPatch(0).LessThan(was.WithPatch(0)) {
			l.warn("version", "it is %s, and %s was %s: Velero does not restore to an older one", info.GitVersion, part.Source, part.KubernetesVersion)
		}
	}
	return nil
}
