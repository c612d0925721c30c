package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
)

const shop = `apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: shop}
spec:
  members:
  - {cluster: east}
  - {cluster: apac, required: false, dependsOn: [east], velero: {includedNamespaces: [shop-apac]}}
  velero: {template: {includedNamespaces: [shop], ttl: 720h}}
  quiesce:
  - actions:
    - exec: {namespace: shop, selector: app=till, freeze: [till, hold], release: [till, go]}
`

func TestLoad(t *testing.T) {
	t.Parallel()
	p, err := policy.Load([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	s := p.Spec
	if s.Velero.Namespace != "velero" || s.MaxFreeze.Duration != 90*time.Second || !*s.Members[0].Required || *s.Members[1].Required ||
		s.Quiesce[0].Actions[0].Timeout.Duration != 30*time.Second || s.MinimumGrade != v1alpha1.GradeQuiesced {
		t.Errorf("%+v", s)
	}
	east, err := policy.Backup(p, s.Members[0])
	if err != nil || east.IncludedNamespaces[0] != "shop" || *east.DefaultVolumesToFsBackup || east.TTL.Duration != 720*time.Hour {
		t.Errorf("%+v %v", east, err)
	}
	apac, err := policy.Backup(p, s.Members[1])
	if err != nil || apac.IncludedNamespaces[0] != "shop-apac" || apac.TTL.Duration != 720*time.Hour {
		t.Errorf("%+v %v", apac, err)
	}
}

// What is wrong is named with its place.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, to, want string }{
		{"kind: BackupSchedule", "kind: Schedule", "want kubectl-fleet.io/v1alpha1 BackupSchedule"},
		{"name: shop", "name: Shop", "metadata.name"},
		{"name: shop", "name: a-name-that-is-longer-than-may-be", "at most 24"},
		{"cluster: apac", "cluster: east", `spec.members[1].cluster: "east" is there twice`},
		{"required: false", "required: true, dependsOn: [apac]", `"dependsOn" already set`},
		{"dependsOn: [east]", "dependsOn: [apac]", "dependsOn goes round: apac -> apac"},
		{"dependsOn: [east]", "dependsOn: [eu]", `spec.members[1].dependsOn: "eu" is no member`},
		{"ttl: 720h", "ttls: 720h", `unknown field "ttls"`},
		{"ttl: 720h", "ttl: 720h, defaultVolumesToFsBackup: true", "live file system"},
		{"selector: app=till", "selector: ''", "it is empty"},
		{"selector: app=till", "selector: 'a in'", "selector"},
		{"release: [till, go]", "probe: [till]", "it needs freeze and release"},
		{"    - exec:", "    - scale: {namespace: shop, kind: DaemonSet, name: w, to: 0}\n      exec:", "it needs one of exec, scale and patch, and has 2"},
		{"  velero:", "  cron: '* *'\n  velero:", "spec.cron"},
		{"  velero:", "  cron: 'TZ=UTC'\n  velero:", "timeZone"},
		{"  velero:", "  timeZone: Nowhere/Land\n  velero:", "spec.timeZone"},
		{"  velero:", "  maxFreeze: 2h\n  velero:", "spec.maxFreeze"},
		{"  velero:", "  frozen: 2h\n  velero:", `unknown field "spec.frozen"`},
	} {
		_, err := policy.Load([]byte(strings.Replace(shop, test.from, test.to, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s instead of %s: %v, want %s", test.to, test.from, err, test.want)
		}
	}
}

// Names stay apart, and short enough for what Velero makes of them.
func TestBackupName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40)
	seen := map[string]bool{}
	for _, set := range []string{"shop-k3x9", strings.Repeat("y", 24) + "-k3x9"} {
		for _, cluster := range []string{"east", long, long[:39] + "y", "a.b-"} {
			for _, part := range []string{"", "manifest"} {
				name := policy.BackupName(set, cluster, part)
				if len(name) > 50 || seen[name] || !strings.HasPrefix(name, "fb-"+set+"-") {
					t.Errorf("%s %s %s: %s", set, cluster, part, name)
				}
				seen[name] = true
			}
		}
	}
}

// A cron is of the policy's time zone, summer time and all.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ cron, zone, after, want string }{
		{"0 3 * * *", "", "2026-11-21T02:59:59Z", "2026-11-21T03:00:00Z"},
		{"0 3 * * *", "", "2026-11-21T03:00:00Z", "2026-11-22T03:00:00Z"},
		{"0 3 * * *", "Europe/Paris", "2026-11-21T01:00:00Z", "2026-11-21T02:00:00Z"},
		{"0 3 * * *", "Europe/Paris", "2026-07-01T00:00:00Z", "2026-07-01T01:00:00Z"},
		{"@hourly", "", "2026-11-21T02:30:00Z", "2026-11-21T03:00:00Z"},
	} {
		p := &v1alpha1.BackupSchedule{Spec: v1alpha1.BackupScheduleSpec{Cron: test.cron, TimeZone: test.zone}}
		after, err := time.Parse(time.RFC3339, test.after)
		if err != nil {
			t.Fatal(err)
		}
		if next, err := policy.Next(p, after); err != nil || next.UTC().Format(time.RFC3339) != test.want {
			t.Errorf("%s %s after %s: %s %v, want %s", test.cron, test.zone, test.after, next, err, test.want)
		}
	}
	if next, err := policy.Next(&v1alpha1.BackupSchedule{}, time.Now()); err != nil || !next.IsZero() {
		t.Errorf("without a cron: %s %v", next, err)
	}
}
