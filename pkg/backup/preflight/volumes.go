package preflight

import (
	"fmt"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// SnapshotClass is a VolumeSnapshotClass.
type SnapshotClass struct {
	Name, Driver string
	// Preferred: it is marked for Velero, or as the default of its driver.
	Preferred bool
}

// What Velero chooses a class by.
const (
	classLabel             = velerov1.VolumeSnapshotClassSelectorLabel
	classAnnotation        = velerov1.VolumeSnapshotClassDriverPVCAnnotation
	defaultClassAnnotation = velerov1.VolumeSnapshotClassKubernetesAnnotation
)

// classOf is true if Velero finds a class for a claim: one that the claim names, one that
// is marked, or the only one of the driver.
func (f *Facts) classOf(c *corev1.PersistentVolumeClaim, driver string) bool {
	named, count := c.Annotations[classAnnotation], 0
	for _, class := range f.Classes {
		if class.Driver != driver {
			continue
		}
		count++
		if class.Preferred || strings.EqualFold(class.Name, named) {
			return true
		}
	}
	return count == 1
}

// takesClaims is true if a Backup has PersistentVolumeClaims at all.
func takesClaims(spec velerov1.BackupSpec) bool {
	names := func(list []string) bool {
		return slices.ContainsFunc(list, func(r string) bool {
			name, group, _ := strings.Cut(strings.ToLower(r), ".")
			return group == "" && slices.Contains([]string{"persistentvolumeclaims", "persistentvolumeclaim", "pvc", "*"}, name)
		})
	}
	if names(spec.ExcludedResources) || names(spec.ExcludedNamespaceScopedResources) {
		return false
	}
	for _, included := range [][]string{spec.IncludedResources, spec.IncludedNamespaceScopedResources} {
		if len(included) > 0 && !names(included) {
			return false
		}
	}
	return true
}

// volumes are the claims that are in the Backup, and how Velero takes each.
func (f *Facts) volumes() []v1alpha1.BackupVolume {
	var list []v1alpha1.BackupVolume
	for _, c := range f.Claims {
		if c.Labels[velerov1.ExcludeFromBackupLabel] == "true" || !f.selected(c) {
			continue
		}
		list = append(list, f.volume(c))
	}
	slices.SortFunc(list, func(a, b v1alpha1.BackupVolume) int {
		return strings.Compare(a.Namespace+"/"+a.Claim, b.Namespace+"/"+b.Claim)
	})
	return list
}

// selected is true for a claim with the labels of the Backup's selectors, or of a pod
// that has them and uses it.
func (f *Facts) selected(c *corev1.PersistentVolumeClaim) bool {
	selectors := selectorsOf(f.Spec)
	if len(selectors) == 0 {
		return true
	}
	has := func(on map[string]string) bool {
		return slices.ContainsFunc(selectors, func(s *metav1.LabelSelector) bool {
			selector, err := metav1.LabelSelectorAsSelector(s)
			return err == nil && selector.Matches(labels.Set(on))
		})
	}
	return has(c.Labels) || slices.ContainsFunc(f.Pods, func(p *corev1.Pod) bool { return mount(p, c) != "" && has(p.Labels) })
}

// mount is what a pod calls the volume of a claim; empty if it does not use it.
func mount(p *corev1.Pod, c *corev1.PersistentVolumeClaim) string {
	if p.Namespace != c.Namespace || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return ""
	}
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == c.Name {
			return v.Name
		}
	}
	return ""
}

func (f *Facts) volume(c *corev1.PersistentVolumeClaim) v1alpha1.BackupVolume {
	v := v1alpha1.BackupVolume{Namespace: c.Namespace, Claim: c.Name, Method: velero.ByNone}
	if c.Spec.StorageClassName != nil {
		v.StorageClass = *c.Spec.StorageClassName
	}
	pv := f.Volumes[c.Spec.VolumeName]
	if pv == nil {
		v.Skipped = "the claim is not bound"
		return v
	}
	if pv.Spec.CSI != nil {
		v.Driver = pv.Spec.CSI.Driver
	}
	action := f.Policies.action(c, pv)
	snapshots := action == actionSnapshot || f.Spec.SnapshotVolumes == nil || *f.Spec.SnapshotVolumes
	switch {
	case action == actionCopy && !f.used(c):
		v.Skipped = fmt.Sprintf("ConfigMap %s has it copied from a pod, and none uses it", f.Policies.ConfigMap)
	case action == actionCopy, action == "" && f.copied(c):
		v.Method = velero.ByFileSystem
	case action != "" && action != actionSnapshot:
		v.Skipped = fmt.Sprintf("ConfigMap %s says %s", f.Policies.ConfigMap, action)
	case !snapshots:
		v.Skipped = "snapshotVolumes is false"
	case pv.Spec.CSI != nil && f.takesCSI():
		v.Method = velero.ByCSI
		v.Moved = f.Spec.SnapshotMoveData != nil && *f.Spec.SnapshotMoveData
	case f.Natives > 0 && (pv.Spec.CSI != nil || isDisk(pv)):
		v.Method = velero.ByNative
	default:
		v.Skipped = "Velero takes no snapshots of such a volume"
	}
	return v
}

// takesCSI is true if Velero takes CSI snapshots, or nobody can say and the cluster does.
func (f *Facts) takesCSI() bool {
	if f.Server.Known {
		return f.Server.CSI
	}
	return len(f.Classes) > 0
}

// isDisk is true for the volumes that Velero's own plugins know.
func isDisk(pv *corev1.PersistentVolume) bool {
	s := pv.Spec.PersistentVolumeSource
	return s.AWSElasticBlockStore != nil || s.GCEPersistentDisk != nil || s.AzureDisk != nil || s.VsphereVolume != nil || s.Cinder != nil
}

// used is true for a claim that a pod uses.
func (f *Facts) used(c *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(f.Pods, func(p *corev1.Pod) bool { return mount(p, c) != "" })
}

// copied is true for a claim whose files are read from a pod that uses it.
func (f *Facts) copied(c *corev1.PersistentVolumeClaim) bool {
	byDefault := f.Spec.DefaultVolumesToFsBackup != nil && *f.Spec.DefaultVolumesToFsBackup
	return slices.ContainsFunc(f.Pods, func(p *corev1.Pod) bool {
		name := mount(p, c)
		if name == "" {
			return false
		}
		in := func(annotation string) bool {
			return slices.ContainsFunc(strings.Split(p.Annotations[annotation], ","), func(v string) bool { return strings.TrimSpace(v) == name })
		}
		if byDefault {
			return !in(velerov1.VolumesToExcludeAnnotation)
		}
		return in(velerov1.VolumesToBackupAnnotation)
	})
}

// judgeVolumes sets the volumes of the member, and says which will be lacking.
func (f *Facts) judgeVolumes(r *Report) {
	r.Member.Volumes = f.volumes()
	drivers := map[string]bool{}
	claims := map[string]*corev1.PersistentVolumeClaim{}
	for _, c := range f.Claims {
		claims[c.Namespace+"/"+c.Name] = c
	}
	for _, v := range r.Member.Volumes {
		name := v.Namespace + "/" + v.Claim
		switch {
		case v.Method == velero.ByNone:
			r.warn(CheckVolumes, "have it taken in another way, or leave it out: label "+velerov1.ExcludeFromBackupLabel+"=true", "the data of %s will be lacking: %s", name, v.Skipped)
		case v.Method == velero.ByFileSystem && len(f.Holds) > 0:
			r.refuse(CheckVolumes, "take a snapshot of it, or leave it out for pods that are held ("+velerov1.VolumesToExcludeAnnotation+")", "the files of %s would be copied while all is held still, however long that takes", name)
		case v.Method == velero.ByFileSystem:
			r.warn(CheckVolumes, "", "the files of %s are copied while they are written to: they are of no one point in time", name)
		case v.Method == velero.ByCSI && !f.classOf(claims[name], v.Driver) && !drivers[v.Driver]:
			drivers[v.Driver] = true
			r.refuse(CheckVolumes, "make one, or mark one of several with label "+classLabel, "Velero finds no VolumeSnapshotClass for driver %s, which %s is of", v.Driver, name)
		}
	}
	f.judgeCut(r)
	f.judgePolicies(r)
}

// judgeCut warns where the volumes will be no sign of the cut although the policy wants
// it: what is held still is released later then, and no worse.
func (f *Facts) judgeCut(r *Report) {
	if f.Policy.Spec.Cut != v1alpha1.CutVolumes {
		return
	}
	if len(r.Member.Volumes) == 0 {
		r.warn(CheckVolumes, "", "there are no volumes: it is released when its Backup is cut (cut: Volumes)")
	}
	for _, v := range r.Member.Volumes {
		if v.Method != velero.ByCSI {
			r.warn(CheckVolumes, "", "%s/%s is not taken by a CSI snapshot: all is released when the Backup is cut (cut: Volumes)", v.Namespace, v.Claim)
		}
	}
}
