package set

import (
	"context"
	"encoding/json"
	"maps"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

const (
	// ManifestKey is where a ConfigMap has the manifest.
	ManifestKey = "manifest.json"
	// ManifestLabel is on the Backup of a manifest.
	ManifestLabel = "kubectl-fleet.io/backup-manifest"
)

// Merge makes one of what the members remember: of each member what its own journal
// says, also of one that the first does not know. The rest is as in the first.
func Merge(journals []*Journal) v1alpha1.BackupExecution {
	merged := *journals[0].DeepCopy()
	for _, j := range journals {
		if j.Status.Phase == v1alpha1.BackupSealed {
			return *j.DeepCopy() // it has everything
		}
	}
	for _, j := range journals {
		if merged.Status.At.IsZero() { // one that was lost early does not have it
			merged.Status.At = j.Status.At
		}
		own := j.Own()
		if own == nil {
			continue
		}
		if of := MemberOf(&merged, own.UID); of != nil {
			*of = *own
		} else {
			merged.Status.Members = append(merged.Status.Members, *own)
		}
	}
	return merged
}

// DeepCopy shares nothing with the journal.
func (j *Journal) DeepCopy() *v1alpha1.BackupExecution {
	text, err := json.Marshal(j.BackupExecution)
	if err != nil {
		panic(err) // it came from JSON
	}
	e := &v1alpha1.BackupExecution{}
	if err := json.Unmarshal(text, e); err != nil {
		panic(err)
	}
	return e
}

// Keep writes the manifest beside the journals of a cluster, as a ConfigMap: what is
// backed up of it is not a Secret.
func Keep(ctx context.Context, store state.Store, e *v1alpha1.BackupExecution) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{ManifestKey: string(text)}}}
	object.SetAPIVersion("v1")
	object.SetKind("ConfigMap")
	object.SetNamespace(store.Namespace)
	object.SetName(recordPrefix + e.Name)
	object.SetLabels(map[string]string{Label: e.Name, PolicyLabel: e.Spec.Policy.Name})
	resource := member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, Kind: "ConfigMap", Namespaced: true}
	_, err = store.Member.Apply(ctx, resource, object, member.WriteOptions{Force: true})
	return err
}

// Labels are on everything of Velero's that a set has in a member.
func Labels(e *v1alpha1.BackupExecution, cluster string) map[string]string {
	return map[string]string{Label: e.Name, PolicyLabel: e.Spec.Policy.Name, MemberLabel: cluster}
}

// ManifestBackup backs up the manifest of a member alone, so that its bucket has it,
// too: who has lost the cluster finds the set there.
func ManifestBackup(e *v1alpha1.BackupExecution, m *v1alpha1.MemberExecution, like velerov1.BackupSpec, namespace string) *velerov1.Backup {
	labels := Labels(e, m.Cluster)
	labels[ManifestLabel] = "true"
	b := &velerov1.Backup{
		ObjectMeta: metav1.ObjectMeta{Name: policy.BackupName(e.Name, m.Cluster, "manifest"), Namespace: m.VeleroNamespace, Labels: maps.Clone(labels)},
		Spec: velerov1.BackupSpec{
			IncludedNamespaces: []string{namespace}, IncludedResources: []string{"configmaps"}, IncludeClusterResources: new(false),
			LabelSelector:   &metav1.LabelSelector{MatchLabels: map[string]string{Label: e.Name}},
			SnapshotVolumes: new(false), DefaultVolumesToFsBackup: new(false), StorageLocation: like.StorageLocation, TTL: like.TTL,
		},
	}
	return b
}
