package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Deletion is what is deleted of a set: Velero's Backups first, and what the clusters
// remember of it when all of them are gone.
type Deletion struct {
	Set   Set
	Parts []*DeletionPart

	namespace string
}

// DeletionPart is what is deleted in one cluster.
type DeletionPart struct {
	Location

	// Backups are those that this cluster has made. What its Velero sees in the buckets
	// of others is theirs.
	Backups []*velerov1.Backup
}

// UnfinishedError is a set whose run has not come to its end.
type UnfinishedError struct{ Set string }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("the run of %s has not come to its end", e.Set)
}

// Reason classifies the failure.
func (*UnfinishedError) Reason() member.Reason { return member.ReasonRefused }

// PrepareDeletion looks up what there is of a set in the clusters that remember it.
func PrepareDeletion(ctx context.Context, f Fleet, s Set, namespace string) (*Deletion, []fanout.Failure, error) {
	if !s.Ended() {
		return nil, nil, &UnfinishedError{s.Execution.Name}
	}
	d := &Deletion{Set: s, namespace: namespace}
	results := fanout.Collect(ctx, clustersOf(s.At), f.Fanout, func(ctx context.Context, c inventory.Cluster) (*DeletionPart, error) {
		p := &DeletionPart{Location: locationOf(s.At, c)}
		own := set.MemberOf(&s.Execution, p.UID)
		if err := p.Member.MayAll(ctx, deleting(own, namespace)); err != nil {
			return p, err
		}
		if own == nil {
			return p, nil // it remembers what it had no part in
		}
		backups, err := p.server(own).Backups(ctx, set.Label+"="+s.Execution.Name)
		if errors.Is(err, velero.ErrNotInstalled) {
			return p, nil
		}
		p.Backups = slices.DeleteFunc(backups, func(b *velerov1.Backup) bool { return b.Labels[set.MemberLabel] != own.Cluster })
		return p, err
	})
	for _, r := range results {
		if r.Err == nil {
			d.Parts = append(d.Parts, r.Value)
		}
	}
	return d, results.Failures(nil), nil
}

// deleting is what is done to a set in a cluster, and of it if that is one of its members.
func deleting(own *v1alpha1.MemberExecution, namespace string) []member.Access {
	const remembers = ", in which the cluster remembers the set"
	all := []member.Access{
		{Verbs: []string{"get", "delete"}, Resource: "configmaps", Namespace: namespace, Why: remembers},
		{Verbs: []string{"get", "delete"}, Resource: "secrets", Namespace: namespace, Why: remembers},
	}
	if own == nil {
		return all
	}
	group := velerov1.SchemeGroupVersion.Group
	return append(all,
		member.Access{Verbs: []string{"get", "list"}, Group: group, Resource: "backups", Namespace: own.VeleroNamespace},
		member.Access{Verbs: []string{"get", "create"}, Group: group, Resource: "deletebackuprequests", Namespace: own.VeleroNamespace})
}

func (p *DeletionPart) server(own *v1alpha1.MemberExecution) velero.Server {
	return velero.Server{Member: p.Member, Namespace: own.VeleroNamespace}
}

// Planned is what would be deleted, as data.
func (d *Deletion) Planned() []*v1alpha1.BackupDeletion {
	var list []*v1alpha1.BackupDeletion
	for _, p := range d.Parts {
		planned := d.result(p)
		for _, b := range p.Backups {
			planned.Backups = append(planned.Backups, b.Name)
		}
		list = append(list, planned)
	}
	return list
}

// result is that nothing was deleted yet.
func (d *Deletion) result(p *DeletionPart) *v1alpha1.BackupDeletion {
	return &v1alpha1.BackupDeletion{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupDeletionKind},
		ObjectMeta: metav1.ObjectMeta{Name: d.Set.Execution.Name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: p.Cluster.Name}},
		Backups:    []string{},
	}
}

// Count is how many Backups are deleted.
func (d *Deletion) Count() int {
	n := 0
	for _, p := range d.Parts {
		n += len(p.Backups)
	}
	return n
}

// KeptError is a set that some cluster still has Backups of: what is remembered of it is
// kept, so that it can be deleted again.
type KeptError struct{ Clusters []string }

func (e *KeptError) Error() string {
	return "the set is remembered until all of its Backups are gone: those of " + strings.Join(e.Clusters, ", ") + " are not"
}

// Reason classifies the failure.
func (*KeptError) Reason() member.Reason { return member.ReasonRefused }

// Do deletes, all clusters at once. Unless all Backups are gone the clusters remember the
// set; with forget it does not matter that members could not be asked.
func (d *Deletion) Do(ctx context.Context, f Fleet, forget bool) fanout.Results[*v1alpha1.BackupDeletion] {
	parts := map[string]*DeletionPart{}
	clusters := make([]inventory.Cluster, len(d.Parts))
	for i, p := range d.Parts {
		parts[p.Cluster.Name], clusters[i] = p, p.Cluster
	}
	results := fanout.Collect(ctx, clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*v1alpha1.BackupDeletion, error) {
		return d.backups(ctx, parts[c.Name])
	})
	var left []string
	if !forget {
		left = d.Unseen()
	}
	for _, r := range results {
		if r.Err != nil {
			left = append(left, r.Cluster.Name)
		}
	}
	if len(left) > 0 {
		for i := range results {
			if results[i].Err == nil {
				results[i].Err = &KeptError{left}
			}
		}
		return results
	}
	forgotten := fanout.Collect(ctx, clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		return struct{}{}, set.Forget(ctx, state.Store{Member: parts[c.Name].Member, Namespace: d.namespace}, parts[c.Name].UID, d.Set.Execution.Name)
	})
	for i, r := range forgotten {
		results[i].Err = r.Err
		if r.Err == nil {
			results[i].Value.Forgotten = true
		}
	}
	return results
}

// Unseen are the members with a Backup that were not asked, or did not answer.
func (d *Deletion) Unseen() []string {
	var names []string
	for _, m := range d.Set.Execution.Status.Members {
		asked := slices.ContainsFunc(d.Parts, func(p *DeletionPart) bool { return p.UID == m.UID })
		if !asked && m.Backup.UID != "" {
			names = append(names, m.Cluster)
		}
	}
	return names
}

// backups deletes the Backups of one cluster, one after the other, as its Velero does.
func (d *Deletion) backups(ctx context.Context, p *DeletionPart) (*v1alpha1.BackupDeletion, error) {
	done := d.result(p)
	own := set.MemberOf(&d.Set.Execution, p.UID)
	var failed []error
	for _, b := range p.Backups {
		if err := p.server(own).Delete(ctx, b); err != nil {
			failed = append(failed, err)
			continue
		}
		done.Backups = append(done.Backups, b.Name)
	}
	return done, errors.Join(failed...)
}
