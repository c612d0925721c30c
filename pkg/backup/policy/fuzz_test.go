package policy_test

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
)

// A policy that is taken is complete, and a Backup can be made of it for each of
// its members, or what is wrong is said.
func FuzzLoad(f *testing.F) {
	const head = "apiVersion: kubectl-fleet.io/v1alpha1\nkind: BackupSchedule\nmetadata: {name: shop}\n"
	f.Add([]byte(head + "spec:\n  members: [{cluster: east}, {cluster: west, required: false, velero: {ttl: 1h}}]\n  velero: {template: {includedNamespaces: [shop]}}\n"))
	f.Add([]byte(head + "spec:\n  members: [{cluster: east}]\n  velero: {template: {includedNamespaces: [shop]}}\n  quiesce: [{actions: [{exec: {}}, {}]}]\n"))
	f.Add([]byte(head + "spec: {cron: '* * * * *', maxFreeze: -1s, retention: -1, members: [null]}\n"))
	f.Add([]byte(head + "spec: {velero: {template: []}}\n"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := policy.Load(text)
		if err != nil {
			return
		}
		if p.Kind != v1alpha1.BackupScheduleKind || p.Spec.MaxFreeze.Duration <= 0 || p.Spec.MinimumGrade == "" || p.Spec.Velero.Namespace == "" {
			t.Errorf("not complete: %+v", p.Spec)
		}
		for _, m := range p.Spec.Members {
			if m.Required == nil {
				t.Errorf("is %s required?", m.Cluster)
			}
			_, _ = policy.Backup(p, m)
		}
	})
}
