package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// kuratorLabel has the name of the Backup of Kurator's that a Backup of Velero's is for
// (pkg/fleet-manager/backup in kurator-dev/kurator).
const kuratorLabel = "kurator.dev/backup-name"

// foreignPart is a Backup that others have made, in one cluster.
type foreignPart struct {
	at     Location
	backup *velerov1.Backup
	// member is the cluster that it is of, as whoever made it calls it.
	member   string
	location v1alpha1.StorageLocation
	by       string
}

// Foreign finds what others have made, as sets: Backups that have one name in several
// clusters, or end with the cluster's, and those of Kurator. They are as good as
// independent Backups are; what failed is among them.
func Foreign(ctx context.Context, f Fleet, veleroNamespace string) ([]Set, []fanout.Failure) {
	results := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) ([]foreignPart, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		id, err := m.Identity(ctx)
		if err != nil {
			return nil, err
		}
		server := velero.Server{Member: m, Namespace: veleroNamespace}
		locations, err := server.Locations(ctx)
		if errors.Is(err, velero.ErrNotInstalled) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		backups, err := server.Backups(ctx, "!"+set.Label)
		var parts []foreignPart
		for _, b := range backups {
			at := slices.IndexFunc(locations, func(l *velerov1.BackupStorageLocation) bool { return l.Name == b.Spec.StorageLocation })
			if at >= 0 && locations[at].Spec.AccessMode == velerov1.BackupStorageLocationAccessModeReadOnly {
				continue // Velero has seen it in another's bucket
			}
			part := foreignPart{at: Location{Cluster: c, UID: types.UID(id.UID), Member: m, Phase: v1alpha1.BackupSealed}, backup: b, member: c.Name, by: "velero"}
			if at >= 0 {
				part.location = velero.Place(locations[at])
			}
			parts = append(parts, part)
		}
		return parts, err
	})
	groups := map[string][]foreignPart{}
	for _, r := range results {
		for _, p := range r.Value {
			name := p.name()
			again := slices.ContainsFunc(groups[name], func(other foreignPart) bool { return other.member == p.member })
			if !again { // where a bucket is shared, every Velero sees all
				groups[name] = append(groups[name], p)
			}
		}
	}
	var sets []Set
	for name, parts := range groups {
		sets = append(sets, foreignSet(name, veleroNamespace, parts))
	}
	slices.SortFunc(sets, func(a, b Set) int {
		return cmp.Or(b.Execution.Status.Started.Compare(a.Execution.Status.Started.Time), cmp.Compare(a.Execution.Name, b.Execution.Name))
	})
	return sets, results.Failures(nil)
}

// name is that of the set that a Backup belongs to. Kurator calls it CLUSTER-backup-…,
// and what its Schedules make has the time of each cluster at the end: what was made in
// the same minute belongs together, as far as anything does.
func (p *foreignPart) name() string {
	name := p.backup.Name
	if p.backup.Labels[kuratorLabel] != "" {
		p.by = "kurator"
		if cluster, rest, is := strings.Cut(name, "-backup-"); is {
			p.member, name = cluster, rest
		}
	}
	if schedule := p.backup.Labels[velerov1.ScheduleNameLabel]; schedule != "" {
		const seconds = len("00")
		return name[:max(len(name)-seconds, 0)]
	}
	return strings.TrimSuffix(name, "-"+p.member)
}

// foreignSet is a set of which nothing is known but its Backups.
func foreignSet(name, veleroNamespace string, parts []foreignPart) Set {
	slices.SortFunc(parts, func(a, b foreignPart) int { return cmp.Compare(a.member, b.member) })
	s := Set{}
	e := &s.Execution
	e.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupExecutionKind}
	e.Name, e.Spec.By = name, parts[0].by
	e.Spec.Policy.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupScheduleKind}
	e.Spec.Policy.Name = name
	e.Spec.Policy.Spec.Velero.Namespace, e.Spec.Policy.Spec.MinimumGrade = veleroNamespace, v1alpha1.GradeIndependent
	e.Spec.Policy.Spec.Velero.Template.Raw = template(parts[0].backup)
	var first, last time.Time
	for _, p := range parts {
		s.At = append(s.At, p.at)
		m := v1alpha1.MemberExecution{Cluster: p.member, UID: p.at.UID, Required: true, VeleroNamespace: veleroNamespace, Location: p.location, Backup: v1alpha1.MemberBackup{Name: p.backup.Name}}
		note(&m, p.backup)
		e.Status.Members = append(e.Status.Members, m)
		e.Spec.Policy.Spec.Members = append(e.Spec.Policy.Spec.Members, v1alpha1.BackupMember{Cluster: p.member, Required: new(true), Velero: &runtime.RawExtension{Raw: template(p.backup)}})
		began := p.backup.CreationTimestamp.Time
		if at := p.backup.Status.StartTimestamp; at != nil {
			began = at.Time
		}
		if first.IsZero() || began.Before(first) {
			first = began
		}
		if began.After(last) {
			last = began
		}
	}
	set.Judge(e, "")
	e.Status.Phase, e.Status.Started, e.Status.Sealed = v1alpha1.BackupSealed, metav1.NewTime(first), metav1.NewTime(last)
	if len(parts) > 1 {
		e.Status.Why = append([]string{fmt.Sprintf("they were begun within %s of one another, each by its own clock", last.Sub(first).Round(time.Second))}, e.Status.Why...)
	}
	e.Spec.PolicyHash = policy.Hash(&e.Spec.Policy)
	return s
}

// template is what a Backup was asked for, as JSON.
func template(b *velerov1.Backup) []byte {
	text, err := json.Marshal(b.Spec)
	if err != nil {
		panic(err) // it came from JSON
	}
	return text
}
