package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// VolumePolicies are what the ConfigMap of a Backup's resourcePolicy says of volumes: the
// first that fits a claim counts.
type VolumePolicies struct {
	// ConfigMap is its name.
	ConfigMap string
	// Missing: it is not there.
	Missing bool
	// Filters: it says, too, which objects are backed up.
	Filters bool

	list []volumePolicy
}

// The actions of Velero's volume policies. There is a fourth, custom: a plugin takes the
// volume, or nobody does.
const (
	actionSkip     = "skip"
	actionCopy     = "fs-backup"
	actionSnapshot = "snapshot"
)

// volumePolicy is one of them, as Velero writes it.
type volumePolicy struct {
	Conditions volumeConditions `json:"conditions"`
	Action     struct {
		Type       string         `json:"type"`
		Parameters map[string]any `json:"parameters"`
	} `json:"action"`

	least, most resource.Quantity // of its capacity; 0: there is no bound
}

// volumeConditions must all be met; what is empty always is.
type volumeConditions struct {
	Capacity       string                              `json:"capacity"`
	StorageClass   []string                            `json:"storageClass"`
	NFS            *nfsCondition                       `json:"nfs"`
	CSI            *csiCondition                       `json:"csi"`
	VolumeTypes    []string                            `json:"volumeTypes"`
	PVCLabels      map[string]string                   `json:"pvcLabels"`
	PVCPhase       []string                            `json:"pvcPhase"`
	PVCVolumeMode  string                              `json:"pvcVolumeMode"`
	PVCAccessModes []corev1.PersistentVolumeAccessMode `json:"pvcAccessModes"`
}

type nfsCondition struct {
	Server string `json:"server"`
	Path   string `json:"path"`
}

type csiCondition struct {
	Driver           string            `json:"driver"`
	VolumeAttributes map[string]string `json:"volumeAttributes"`
}

// ParseVolumePolicies reads what Velero would: a ConfigMap with one document.
func ParseVolumePolicies(configMap string, data map[string]string) (*VolumePolicies, error) {
	if len(data) != 1 {
		return nil, fmt.Errorf("ConfigMap %s has %d documents, and Velero takes one", configMap, len(data))
	}
	var document struct {
		Version        string         `json:"version"`
		VolumePolicies []volumePolicy `json:"volumePolicies"`
		IncludeExclude map[string]any `json:"includeExcludePolicy"`
		ClusterScoped  map[string]any `json:"clusterScopedFilterPolicy"`
		Namespaced     []any          `json:"namespacedFilterPolicies"`
	}
	for _, text := range data {
		if err := yaml.UnmarshalStrict([]byte(text), &document); err != nil {
			return nil, fmt.Errorf("ConfigMap %s: %w", configMap, err)
		}
	}
	p := &VolumePolicies{
		ConfigMap: configMap, list: document.VolumePolicies,
		Filters: len(document.IncludeExclude) > 0 || len(document.ClusterScoped) > 0 || len(document.Namespaced) > 0,
	}
	for i := range p.list {
		if err := p.list[i].bounds(); err != nil {
			return nil, fmt.Errorf("ConfigMap %s: volumePolicies[%d]: %w", configMap, i, err)
		}
	}
	return p, nil
}

// bounds reads the capacity, such as "10Gi,100Gi", of which either end may be lacking.
func (p *volumePolicy) bounds() error {
	text := p.Conditions.Capacity
	if text == "" {
		return nil
	}
	from, to, is := strings.Cut(text, ",")
	if !is {
		return errors.New("capacity: want FROM,TO")
	}
	for into, end := range map[*resource.Quantity]string{&p.least: from, &p.most: to} {
		if end = strings.TrimSpace(end); end == "" {
			continue
		}
		var err error
		if *into, err = resource.ParseQuantity(end); err != nil {
			return fmt.Errorf("capacity %q: %w", end, err)
		}
	}
	return nil
}

// action is what is to become of a claim's volume; empty if the policies say nothing.
func (p *VolumePolicies) action(c *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume) string {
	if p == nil {
		return ""
	}
	for i := range p.list {
		if p.list[i].fits(c, pv) {
			return p.list[i].Action.Type
		}
	}
	return ""
}

func (p *volumePolicy) fits(c *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume) bool {
	is, size := &p.Conditions, pv.Spec.Capacity.Storage()
	listed := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	return (p.least.IsZero() || p.least.Cmp(*size) <= 0) && (p.most.IsZero() || p.most.Cmp(*size) >= 0) &&
		listed(is.StorageClass, pv.Spec.StorageClassName) && listed(is.PVCPhase, string(c.Status.Phase)) &&
		is.NFS.fits(pv.Spec.NFS) && is.CSI.fits(pv.Spec.CSI) && isOf(is.VolumeTypes, pv) &&
		labels.SelectorFromSet(is.PVCLabels).Matches(labels.Set(c.Labels)) &&
		(is.PVCVolumeMode == "" || c.Spec.VolumeMode != nil && string(*c.Spec.VolumeMode) == is.PVCVolumeMode) &&
		(len(is.PVCAccessModes) == 0 || sets.New(is.PVCAccessModes...).Equal(sets.New(c.Spec.AccessModes...)))
}

func (n *nfsCondition) fits(v *corev1.NFSVolumeSource) bool {
	return n == nil || v != nil && (n.Server == "" || n.Server == v.Server) && (n.Path == "" || n.Path == v.Path)
}

func (c *csiCondition) fits(v *corev1.CSIPersistentVolumeSource) bool {
	if c == nil || c.Driver == "" {
		return c == nil || v != nil
	}
	if v == nil || c.Driver != v.Driver {
		return false
	}
	for name, value := range c.VolumeAttributes {
		if v.VolumeAttributes[name] != value {
			return false
		}
	}
	return true
}

// isOf is true for a volume of one of the types, which are called as the fields of a
// PersistentVolume are.
func isOf(types []string, pv *corev1.PersistentVolume) bool {
	if len(types) == 0 {
		return true
	}
	source, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&pv.Spec.PersistentVolumeSource)
	return err == nil && slices.ContainsFunc(types, func(name string) bool { return source[name] != nil })
}

// readPolicies reads the ConfigMap of the Backup's resourcePolicy.
func (r *reader) readPolicies(ctx context.Context) error {
	ref := r.Spec.ResourcePolicy
	if ref == nil {
		return nil
	}
	object, err := r.member.Object(ctx, builtin(corev1.SchemeGroupVersion, "configmaps", "ConfigMap", true), r.Member.VeleroNamespace, ref.Name)
	if member.IsObjectNotFound(err) {
		r.Policies = &VolumePolicies{ConfigMap: ref.Name, Missing: true}
		return nil
	}
	if err != nil {
		return err
	}
	var configMap corev1.ConfigMap
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &configMap); err != nil {
		return err
	}
	r.Policies, err = ParseVolumePolicies(ref.Name, configMap.Data)
	return err
}

// judgePolicies says what of the policies is not reckoned with.
func (f *Facts) judgePolicies(r *Report) {
	if p := f.Policies; p != nil {
		where := fmt.Sprintf("ConfigMap %s of velero.template.resourcePolicy", p.ConfigMap)
		switch {
		case p.Missing:
			r.refuse(CheckVolumes, "make it in namespace "+f.Member.VeleroNamespace+", or leave resourcePolicy away", "there is no %s: Velero would not make the Backup", where)
		case p.Filters:
			r.warn(CheckVolumes, "", "%s says, too, which objects are backed up: that is not looked at", where)
		}
	}
	if global := f.Server.VolumePolicies; global != "" {
		r.warn(CheckVolumes, "", "Velero has volume policies for all Backups (--global-backup-volume-policies-configmap %s): they are not looked at", global)
	}
}
