package preflight_test

import (
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/preflight"
)

// policies are those of a ConfigMap. All claims are bound, and of 10Gi.
func policies(text string) func(*preflight.Facts) {
	return func(f *preflight.Facts) {
		parsed, err := preflight.ParseVolumePolicies("skips", map[string]string{"policies": "version: v1\n" + text})
		if err != nil {
			panic(err)
		}
		f.Policies = parsed
	}
}

// What becomes of a claim by the policies, by what is different from a good member; empty:
// nothing is said.
func TestVolumePolicies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*preflight.Facts)
		want   string
	}{
		"that skips": {policies("volumePolicies: [{conditions: {csi: {driver: disks.example.org}}, action: {type: skip}}]"),
			"Volumes: the data of shop/data will be lacking: ConfigMap skips says skip"},
		"for a plugin": {policies("volumePolicies: [{conditions: {storageClass: [disks]}, action: {type: custom}}]"),
			"Volumes: the data of shop/data will be lacking: ConfigMap skips says custom"},
		"of others": {policies("volumePolicies: [{conditions: {capacity: '0,1Gi', pvcLabels: {app: other}}, action: {type: skip}}, {conditions: {nfs: {}}, action: {type: skip}}]"), ""},
		"that takes it": {func(f *preflight.Facts) {
			policies("volumePolicies: [{conditions: {volumeTypes: [csi]}, action: {type: snapshot}}, {conditions: {}, action: {type: skip}}]")(f)
			f.Spec.SnapshotVolumes, f.Spec.DefaultVolumesToFsBackup = new(false), new(true)
		}, ""},
		"that copies what nobody uses": {func(f *preflight.Facts) {
			policies("volumePolicies: [{conditions: {pvcPhase: [Bound]}, action: {type: fs-backup}}]")(f)
			f.Pods[0].Spec.Volumes = nil
		}, "Volumes: the data of shop/data will be lacking: ConfigMap skips has it copied from a pod, and none uses it"},
		"that copies": {func(f *preflight.Facts) {
			policies("volumePolicies: [{conditions: {capacity: ' 1Gi , '}, action: {type: fs-backup}}]")(f)
			f.Holds = nil
		}, "Volumes: the files of shop/data are copied while they are written to"},
		"of objects": {policies("includeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}"),
			"Volumes: ConfigMap skips of velero.template.resourcePolicy says, too, which objects are backed up"},
		"of Velero":                    {func(f *preflight.Facts) { f.Server.VolumePolicies = "all" }, "Volumes: Velero has volume policies for all Backups"},
		"that copies while it is held": {policies("volumePolicies: [{conditions: {}, action: {type: fs-backup}}]"), "refused: Volumes: the files of shop/data would be copied while all is held still"},
		"that is not there": {func(f *preflight.Facts) {
			f.Policies = &preflight.VolumePolicies{ConfigMap: "skips", Missing: true}
		}, "refused: Volumes: there is no ConfigMap skips of velero.template.resourcePolicy"},
	} {
		f := good()
		c.change(f)
		r := f.Judge()
		texts := said(r.Warnings)
		for _, text := range said(r.Refusals) {
			texts = append(texts, "refused: "+text)
		}
		if c.want == "" && len(texts) > 0 || c.want != "" && (len(texts) != 1 || !strings.HasPrefix(texts[0], c.want)) {
			t.Errorf("%s: %q, want %q", name, texts, c.want)
		}
	}
}

// What Velero would not take as volume policies, or may take and we do not know.
func TestVolumePoliciesAreRefused(t *testing.T) {
	t.Parallel()
	for want, data := range map[string]map[string]string{
		"ConfigMap skips has 0 documents":           nil,
		"ConfigMap skips has 2 documents":           {"a": "version: v1", "b": "version: v1"},
		`unknown field "age"`:                       {"a": "volumePolicies: [{conditions: {age: 3d}, action: {type: skip}}]"},
		"volumePolicies[0]: capacity: want FROM,TO": {"a": "volumePolicies: [{conditions: {capacity: 1Gi}, action: {type: skip}}]"},
		`volumePolicies[0]: capacity "much"`:        {"a": "volumePolicies: [{conditions: {capacity: 'much,'}, action: {type: skip}}]"},
	} {
		if _, err := preflight.ParseVolumePolicies("skips", data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}
