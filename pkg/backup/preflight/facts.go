package preflight

import (
	"context"
	"path"
	"slices"
	"sync"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Facts are what is known of one member.
type Facts struct {
	Policy *v1alpha1.BackupSchedule
	Member v1alpha1.MemberExecution
	Spec   velerov1.BackupSpec
	Holds  []v1alpha1.Hold
	// Now is the time by the cluster's own clock.
	Now time.Time

	// Denied is what the user may not do.
	Denied []Denial
	// Problems are what could not be looked at, by check.
	Problems []Problem

	Server ServerOptions
	Agent  AgentState
	// Elsewhere are namespaces that have a Velero where ours has none that answers.
	Elsewhere []string
	Location  *velerov1.BackupStorageLocation
	Natives   int // VolumeSnapshotLocations
	Backups   []*velerov1.Backup
	Schedules []*velerov1.Schedule

	// Namespaces are all of the cluster; nil if they may not be listed.
	Namespaces []string
	Claims     []*corev1.PersistentVolumeClaim
	Volumes    map[string]*corev1.PersistentVolume
	Pods       []*corev1.Pod
	Classes    []SnapshotClass
	// Policies are the Backup's own of volumes; nil if it has none, or they cannot be read.
	Policies *VolumePolicies
	Scalers  []*autoscalingv2.HorizontalPodAutoscaler
	// Selected is what the Backup's selectors find; nil if it has none.
	Selected *Selected
	// Targets are the objects that holds scale or patch, by their place in Holds.
	Targets map[int]*unstructured.Unstructured
}

// Problem is something that could not be looked at.
type Problem struct {
	Check string
	// Matters: nothing may be begun without it.
	Matters bool
	What    string
	Err     error
}

// part is something that is read of a member.
type part struct {
	check string
	// matters: nothing may be begun without it.
	matters bool
	what    string
	read    func(context.Context) error
}

// reader reads the facts of one member, each part those of its own.
type reader struct {
	*Facts

	member *member.Member
	server velero.Server
	// state is the namespace that remembers runs; empty: none does.
	state string
}

// gather reads all that is needed, side by side. An error is a cluster that does not
// answer.
func gather(ctx context.Context, m *member.Member, p *v1alpha1.BackupSchedule, of v1alpha1.BackupMember, holds []v1alpha1.Hold, state string) (*Facts, error) {
	spec, err := policy.Backup(p, of)
	if err != nil {
		return nil, &member.Error{Reason: member.ReasonInvalid, Err: err}
	}
	required := of.Required == nil || *of.Required
	r := &reader{
		Facts: &Facts{
			Policy: p, Spec: spec, Holds: holds, Volumes: map[string]*corev1.PersistentVolume{}, Targets: map[int]*unstructured.Unstructured{},
			Member: v1alpha1.MemberExecution{Cluster: m.Cluster().Name, Required: required, VeleroNamespace: p.Spec.Velero.Namespace, Holds: holds},
		},
		member: m, server: velero.Server{Member: m, Namespace: p.Spec.Velero.Namespace}, state: state,
	}
	if err := r.identify(ctx); err != nil {
		return nil, err
	}
	parts := r.parts()
	problems := make([]error, len(parts))
	var readers sync.WaitGroup
	for i, part := range parts {
		readers.Go(func() { problems[i] = part.read(ctx) })
	}
	readers.Wait()
	for i, part := range parts {
		switch err := problems[i]; {
		case err == nil:
		case member.IsAway(err):
			return nil, err
		default:
			r.Problems = append(r.Problems, Problem{Check: part.check, Matters: part.matters, What: part.what, Err: err})
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r.Facts, nil
}

// identify reads who the cluster is, and its clock.
func (r *reader) identify(ctx context.Context) error {
	identity, err := r.member.Identity(ctx)
	if err != nil {
		return err
	}
	version, err := r.member.Version(ctx)
	if err != nil {
		return err
	}
	r.Member.UID, r.Member.KubernetesVersion = types.UID(identity.UID), version.GitVersion
	r.Now = time.Now()
	if ahead, known := r.member.ClockAhead(ctx); known {
		r.Member.ClockOffsetMillis = new(ahead.Milliseconds())
		r.Now = r.Now.Add(ahead)
	}
	return nil
}

// parts are what is read, in the order in which it is spoken of.
func (r *reader) parts() []part {
	return []part{
		{CheckRights, true, "what you may do", r.readRights},
		{CheckVelero, true, "Velero", r.readStatus},
		{CheckVelero, false, "how Velero was started, so one worker is reckoned with", r.readServer},
		{CheckLocation, true, "where Velero writes", r.readLocation},
		{CheckQueue, true, "which Backups there are", r.readBackups},
		{CheckSchedule, true, "which Schedules there are", r.readSchedules},
		{CheckSelector, true, "what the selector finds", r.readSelected},
		{CheckVolumes, true, "the volumes", r.readVolumes},
		{CheckVolumes, false, "VolumeSnapshotClasses", r.readClasses},
		{CheckVolumes, false, "the Backup's resourcePolicy, so what it says of volumes is not reckoned with", r.readPolicies},
		{CheckVolumes, false, "VolumeSnapshotLocations", r.readNatives},
		{CheckVolumes, false, "Velero's node agent", r.readAgent},
		{CheckHolds, true, "the pods", r.readPods},
		{CheckHolds, false, "HorizontalPodAutoscalers, which may undo what is scaled", r.readScalers},
		{CheckHolds, true, "what is scaled or patched", r.readTargets},
	}
}

// scope is which namespaces a Backup is about.
type scope struct{ include, exclude []string }

func scopeOf(spec velerov1.BackupSpec) scope {
	return scope{spec.IncludedNamespaces, spec.ExcludedNamespaces}
}

// all is true if the scope is whatever is not excluded.
func (s scope) all() bool { return len(s.include) == 0 || slices.Contains(s.include, "*") }

// has is true if a namespace is in the scope.
func (s scope) has(namespace string) bool {
	return (s.all() || matches(s.include, namespace)) && !matches(s.exclude, namespace)
}

// literal are the namespaces of a scope that names each; nil for another.
func (s scope) literal() []string {
	if s.all() || slices.ContainsFunc(s.include, policy.IsPattern) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.include), func(n string) bool { return matches(s.exclude, n) })
}

// matches reads patterns as Velero does. One that cannot be read may mean anything.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		is, err := path.Match(pattern, name)
		return is || err != nil
	})
}

// shared is a namespace that is in both scopes; empty if there is none. known are the
// namespaces of the cluster, nil if nobody may know: then two that do not name each are
// taken to share one.
func shared(a, b scope, known []string) string {
	names := slices.Concat(a.literal(), b.literal(), known)
	if i := slices.IndexFunc(names, func(n string) bool { return a.has(n) && b.has(n) }); i >= 0 {
		return names[i]
	}
	if known == nil && a.literal() == nil && b.literal() == nil {
		return "whatever there is"
	}
	return ""
}
