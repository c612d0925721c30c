package backup

import (
	"context"
	"fmt"
	"io"
	"slices"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Log is what Velero has logged of a Backup.
type Log struct {
	Backup string
	// Text is its lines; whoever reads it closes it.
	Text io.ReadCloser
}

// Logs opens the logs of a set's Backups, all at once.
func Logs(ctx context.Context, f Fleet, s Set) fanout.Results[Log] {
	at := slices.DeleteFunc(slices.Clone(s.At), func(l Location) bool {
		own := set.MemberOf(&s.Execution, l.UID)
		return own == nil || own.Backup.UID == "" // nothing was asked for there
	})
	reading := ctx // goes on when all are open
	return fanout.Collect(ctx, clustersOf(at), f.Fanout, func(ctx context.Context, c inventory.Cluster) (Log, error) {
		l := locationOf(at, c)
		own := set.MemberOf(&s.Execution, l.UID)
		server := velero.Server{Member: l.Member, Namespace: own.VeleroNamespace}
		log := Log{Backup: own.Backup.Name}
		b, err := server.Backup(ctx, log.Backup)
		if err != nil {
			return log, err
		}
		if !velero.IsTerminal(b.Status.Phase) {
			return log, &member.Error{Reason: member.ReasonNotFound, Err: fmt.Errorf("its Backup is %s: Velero writes the log when that has ended", b.Status.Phase)}
		}
		log.Text, err = server.Artifact(reading, velerov1.DownloadTargetKindBackupLog, log.Backup)
		return log, err
	})
}

func clustersOf(at []Location) []inventory.Cluster {
	clusters := make([]inventory.Cluster, len(at))
	for i, l := range at {
		clusters[i] = l.Cluster
	}
	return clusters
}

func locationOf(at []Location, c inventory.Cluster) Location {
	return at[slices.IndexFunc(at, func(l Location) bool { return l.Cluster.Name == c.Name })]
}
