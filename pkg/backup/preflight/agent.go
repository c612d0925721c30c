package preflight

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// AgentState is what is known of Velero's node agent, which reads the data of volumes:
// to move those of snapshots, and to copy files.
type AgentState struct {
	// Known: it was looked for. It is not where nothing needs it.
	Known bool
	// Name of its DaemonSet; empty: there is none.
	Name string
	// Ready is how many nodes have one that is ready.
	Ready int32
}

// readAgent looks for the DaemonSet of the node agent, whatever it is called.
func (r *reader) readAgent(ctx context.Context) error {
	is := func(b *bool) bool { return b != nil && *b }
	if !is(r.Spec.SnapshotMoveData) && !is(r.Spec.DefaultVolumesToFsBackup) {
		return nil
	}
	sets, err := typed[appsv1.DaemonSet](ctx, r.member, builtin(appsv1.SchemeGroupVersion, "daemonsets", "DaemonSet", true), []string{r.Member.VeleroNamespace})
	if err != nil {
		return err
	}
	r.Agent.Known = true
	for _, d := range sets {
		if slices.ContainsFunc(d.Spec.Template.Spec.Containers, isAgent) && d.Status.NumberReady >= r.Agent.Ready {
			r.Agent.Name, r.Agent.Ready = d.Name, d.Status.NumberReady
		}
	}
	return nil
}

// isAgent is true for a container that runs `velero node-agent`.
func isAgent(c corev1.Container) bool {
	return slices.Contains(slices.Concat(c.Command, c.Args), "node-agent")
}

// judgeAgent refuses what Velero itself would: to move data where none of its node agents
// is ready, whose Backup ends PartiallyFailed. What else reads data there, for a mover
// of somebody else or for copies of files, is not known: that is a warning.
func (f *Facts) judgeAgent(r *Report) {
	moved := slices.ContainsFunc(r.Member.Volumes, func(v v1alpha1.BackupVolume) bool { return v.Moved })
	copied := slices.ContainsFunc(r.Member.Volumes, func(v v1alpha1.BackupVolume) bool { return v.Method == velero.ByFileSystem })
	if !f.Agent.Known || f.Agent.Ready > 0 || !moved && !copied {
		return
	}
	say := r.warn
	if moved && slices.Contains([]string{"", ownMover}, f.Spec.DataMover) {
		say = r.refuse
	}
	if f.Agent.Name == "" {
		say(CheckVolumes, "velero install --use-node-agent; or take snapshots without moving them", "no DaemonSet in namespace %s runs Velero's node agent, which reads the data of volumes", f.Member.VeleroNamespace)
		return
	}
	say(CheckVolumes, "kubectl describe daemonset "+f.Agent.Name+" -n "+f.Member.VeleroNamespace, "Velero's node agent, which reads the data of volumes, is ready on no node")
}

// ownMover is what Velero's own data mover is called.
const ownMover = "velero"
