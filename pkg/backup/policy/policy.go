// Package policy reads how an application is to be backed up: a BackupSchedule. It
// makes it complete, says what is wrong with it, and asks no cluster.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

const (
	// DefaultVeleroNamespace is where Velero's own installer puts it.
	DefaultVeleroNamespace = "velero"
	// DefaultMaxFreeze is how long anything is held still at most.
	DefaultMaxFreeze = 90 * time.Second
	// DefaultTimeout bounds one command of an action.
	DefaultTimeout = 30 * time.Second
	// Grace is by how much a deadman outlives the longest freeze.
	Grace = 30 * time.Second
)

// Load reads a BackupSchedule, completes and checks it. What it does not know is an
// error.
func Load(text []byte) (*v1alpha1.BackupSchedule, error) {
	p := &v1alpha1.BackupSchedule{}
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	if err := strictly(asJSON, p); err != nil {
		return nil, located(text, err)
	}
	if p.Kind != v1alpha1.BackupScheduleKind || p.APIVersion != v1alpha1.APIVersion {
		return nil, fmt.Errorf("it is %s %s: want %s %s", p.APIVersion, p.Kind, v1alpha1.APIVersion, v1alpha1.BackupScheduleKind)
	}
	return p, located(text, Complete(p))
}

// Complete sets what was left out, and says all that is wrong.
func Complete(p *v1alpha1.BackupSchedule) error {
	s := &p.Spec
	if s.Velero.Namespace == "" {
		s.Velero.Namespace = DefaultVeleroNamespace
	}
	if s.MaxFreeze.Duration == 0 {
		s.MaxFreeze.Duration = DefaultMaxFreeze
	}
	for i := range s.Members {
		if s.Members[i].Required == nil {
			s.Members[i].Required = new(true)
		}
	}
	for i := range s.Quiesce {
		for k := range s.Quiesce[i].Actions {
			if a := &s.Quiesce[i].Actions[k]; a.Timeout.Duration == 0 {
				a.Timeout.Duration = DefaultTimeout
			}
		}
	}
	for i := range s.Probes {
		if s.Probes[i].Timeout.Duration == 0 {
			s.Probes[i].Timeout.Duration = DefaultTimeout
		}
	}
	if s.MinimumGrade == "" {
		s.MinimumGrade = v1alpha1.GradeAligned
		if len(s.Quiesce) > 0 {
			s.MinimumGrade = v1alpha1.GradeQuiesced
		}
	}
	return check(p)
}

// Backup is the spec of a member's Backup: the template, with what the member
// changes. Volumes are copied from the live file system only where that is said.
func Backup(p *v1alpha1.BackupSchedule, m v1alpha1.BackupMember) (velerov1.BackupSpec, error) {
	spec := velerov1.BackupSpec{}
	text := p.Spec.Velero.Template.Raw
	if len(text) == 0 {
		text = []byte("{}")
	}
	if m.Velero != nil && len(m.Velero.Raw) > 0 {
		var err error
		if text, err = jsonpatch.MergePatch(text, m.Velero.Raw); err != nil {
			return spec, err
		}
	}
	if err := strictly(text, &spec); err != nil {
		return spec, err
	}
	if spec.DefaultVolumesToFsBackup == nil {
		spec.DefaultVolumesToFsBackup = new(false)
	}
	return spec, nil
}

// Member is what the policy says of a cluster; nil if it is none of its members.
func Member(p *v1alpha1.BackupSchedule, cluster string) *v1alpha1.BackupMember {
	for i := range p.Spec.Members {
		if p.Spec.Members[i].Cluster == cluster {
			return &p.Spec.Members[i]
		}
	}
	return nil
}

// For is true if something with such a list of clusters is meant for this one.
func For(clusters []string, cluster string) bool {
	return len(clusters) == 0 || slices.Contains(clusters, cluster)
}

// IsPattern is true for the name of a namespace that stands for several.
func IsPattern(name string) bool { return strings.ContainsAny(name, "*?[{") }

// AllHard is true if whatever is held cannot change what is stored, so that members
// may be released one by one.
func AllHard(p *v1alpha1.BackupSchedule) bool {
	for _, wave := range p.Spec.Quiesce {
		for _, a := range wave.Actions {
			if !a.Hard {
				return false
			}
		}
	}
	return len(p.Spec.Quiesce) > 0
}

// TTL is what a deadman counts.
func TTL(p *v1alpha1.BackupSchedule) time.Duration { return p.Spec.MaxFreeze.Duration + Grace }

// Hash is over all that a policy says.
func Hash(p *v1alpha1.BackupSchedule) string {
	text, err := json.Marshal(p.Spec)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// BackupName is what a member's Backup of a set is called. A name is a key in the
// bucket for ever: it is new in every run, and says the cluster, since several may
// share a bucket. part tells several of one member apart.
func BackupName(set, cluster, part string) string {
	sum := sha256.Sum256([]byte(set + "\x00" + cluster + "\x00" + part))
	hash := hex.EncodeToString(sum[:])[:5]
	// Velero makes label values of it, and adds to it: 50 characters stay safe.
	const longest = 50
	room := longest - len("fb---") - len(hash)
	if over := len(set) + len(cluster) - room; over > 0 {
		cluster = cluster[:max(len(cluster)-over, 1)]
	}
	return "fb-" + set + "-" + strings.TrimRight(cluster, "-.") + "-" + hash
}

// Template is what a policy without a file asks of Velero.
type Template struct {
	IncludedNamespaces []string
	// Selector is a label selector.
	Selector        string
	StorageLocation string
	TTL             metav1.Duration
	// MoveData copies the data of snapshots to the location.
	MoveData bool
	// FileSystem copies the files of live volumes.
	FileSystem bool
}

// Backup is the same as a Backup's spec.
func (t Template) Backup() (velerov1.BackupSpec, error) {
	spec := velerov1.BackupSpec{
		IncludedNamespaces: t.IncludedNamespaces, StorageLocation: t.StorageLocation, TTL: t.TTL, DefaultVolumesToFsBackup: &t.FileSystem,
	}
	if t.MoveData {
		spec.SnapshotMoveData = &t.MoveData
	}
	if t.Selector == "" {
		return spec, nil
	}
	var err error
	spec.LabelSelector, err = metav1.ParseToLabelSelector(t.Selector)
	return spec, err
}

// Of is a policy without a file: the same for every cluster, and nothing held still.
func Of(name string, clusters []string, velero string, backup velerov1.BackupSpec) (*v1alpha1.BackupSchedule, error) {
	text, err := json.Marshal(backup)
	if err != nil {
		return nil, err
	}
	p := &v1alpha1.BackupSchedule{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupScheduleKind},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.BackupScheduleSpec{Velero: v1alpha1.VeleroTemplate{Namespace: velero, Template: runtime.RawExtension{Raw: text}}},
	}
	for _, c := range clusters {
		p.Spec.Members = append(p.Spec.Members, v1alpha1.BackupMember{Cluster: c})
	}
	return p, Complete(p)
}
