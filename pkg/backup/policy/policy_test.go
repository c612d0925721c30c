package policy_test

import (
	"strings"
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

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
		{"ttl: 720h", "ttls: 720h", `spec.velero.template.ttls: unknown field`},
		{"ttl: 720h", "ttl: 30d", `spec.velero.template.ttl: want a duration such as 90s or 720h, and it is "30d" (time: unknown unit "d" in duration "30d")`},
		{"required: false", "required: maybe", `spec.members[1].required: want true or false, and it is "maybe"`},
		{"dependsOn: [east]", "dependsOn: east", `spec.members[1].dependsOn: want a list, and it is "east"`},
		{"  velero:", "  maxFreeze: 90\n  velero:", "spec.maxFreeze: want a duration such as 90s or 720h, and it is 90"},
		{"  velero:", "  retention: many\n  velero:", `spec.retention: want a whole number, and it is "many"`},
		{"  velero:", "  probes: {namespace: shop}\n  velero:", "spec.probes: want a list, and it is an object"},
		{"ttl: 720h", "ttl: 720h, defaultVolumesToFsBackup: true", "live file system"},
		{"selector: app=till", "selector: ''", "it is empty"},
		{"selector: app=till", "selector: 'a in'", "selector"},
		{"release: [till, go]", "probe: [till]", "it needs freeze and release"},
		{"    - exec:", "    - scale: {namespace: shop, kind: DaemonSet, name: w, to: 0}\n      exec:", "it needs one of exec, scale and patch, and has 2"},
		{"  velero:", "  cron: '* *'\n  velero:", "spec.cron"},
		{"  velero:", "  cron: 'TZ=UTC'\n  velero:", "timeZone"},
		{"  velero:", "  timeZone: Nowhere/Land\n  velero:", "spec.timeZone"},
		{"  velero:", "  maxFreeze: 2h\n  velero:", "spec.maxFreeze"},
		{"  velero:", "  cut: Disks\n  velero:", `spec.cut: "Disks": Backup or Volumes`},
		{"  velero:", "  frozen: 2h\n  velero:", "spec.frozen: unknown field"},
	} {
		_, err := policy.Load([]byte(strings.Replace(shop, test.from, test.to, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "cannot unmarshal") {
			t.Errorf("%s instead of %s: %v, want %s", test.to, test.from, err, test.want)
		}
	}
}

// Every mistake has its line; what is missing has that of what it is missing in. One of the
// template is one, however many members there are.
func TestLoadNamesLines(t *testing.T) {
	t.Parallel()
	_, err := policy.Load([]byte(`apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: shop}
spec:
  members: [{cluster: east}, {cluster: west}, {cluster: apac, velero: {snapshotVolumes: perhaps}}]
  velero:
    template:
      ttl: 30d
  quiesce:
  - actions:
    - exec:
        namespace: shop
        selector: app=till
        freeze: [till, hold]
  timeZone: Nowhere/Land
`))
	want := `line 8: spec.velero.template.ttl: want a duration such as 90s or 720h, and it is "30d" (time: unknown unit "d" in duration "30d")
line 11: spec.quiesce[0].actions[0].exec: it needs freeze and release
line 15: spec.timeZone: unknown time zone Nowhere/Land`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// Where nothing is held still there is nothing to be released sooner.
func TestCutNeedsQuiesce(t *testing.T) {
	t.Parallel()
	p, err := policy.Of("shop", []string{"east"}, "velero", velerov1.BackupSpec{})
	if err != nil {
		t.Fatal(err)
	}
	p.Spec.Cut = v1alpha1.CutVolumes
	if err := policy.Complete(p); err == nil || !strings.Contains(err.Error(), "spec.cut: ") {
		t.Errorf("cut: Volumes with nothing to be released: %v", err)
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
