package fleetbackup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// A Backup's life through the door: asked for twice, seen in each phase, read, and
// deleted from the store.
func TestVelero(t *testing.T) {
	s := serverOf(t, "c1")
	shop(t, "c1", "door")
	version, err := s.Version(t.Context())
	if err != nil || !strings.HasPrefix(version, "v1.") {
		t.Errorf("version %q, %v", version, err)
	}
	location, err := s.Location(t.Context(), "")
	if err != nil || velero.Place(location).Prefix != "c1" || velero.Place(location).Bucket == "" {
		t.Errorf("location %+v, %v", location, err)
	}
	var missing *velero.NoLocationError
	if _, err := s.Location(t.Context(), "nowhere"); !errors.As(err, &missing) || !strings.Contains(err.Error(), "default") {
		t.Errorf("a location that is not there: %v", err)
	}

	wanted := backupOf(t, s, "door", "door")
	made, err := s.CreateBackup(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.CreateBackup(t.Context(), wanted)
	if err != nil || again.UID != made.UID {
		t.Errorf("asked for again: %v, %v", again, err)
	}
	other := wanted.DeepCopy()
	other.Labels["kubectl-fleet.io/backup-set"] = "another"
	var taken *velero.TakenError
	if _, err := s.CreateBackup(t.Context(), other); !errors.As(err, &taken) {
		t.Errorf("by another run: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var phases []velerov1.BackupPhase
	ended, err := s.AwaitBackup(ctx, made.Name, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) }, func(b *velerov1.Backup) {
		phases = append(phases, b.Status.Phase)
	})
	if err != nil || ended.Status.Phase != velerov1.BackupPhaseCompleted || ended.Status.Progress.ItemsBackedUp == 0 {
		t.Fatalf("ended as %+v, %v", ended, err)
	}
	if len(phases) == 0 || phases[len(phases)-1] != velerov1.BackupPhaseCompleted {
		t.Errorf("phases: %v", phases)
	}

	log := artifact(t, s, velerov1.DownloadTargetKindBackupLog, made.Name)
	if !bytes.Contains(log, []byte("backup=velero/"+made.Name)) {
		t.Errorf("log: %s", log)
	}
	if contents := artifact(t, s, velerov1.DownloadTargetKindBackupContents, made.Name); !bytes.Contains(contents, []byte("resources/configmaps/namespaces/door/prices.json")) {
		t.Errorf("contents are %d bytes without the prices", len(contents))
	}
	volumes, err := s.BackupVolumes(t.Context(), made.Name)
	if err != nil || len(volumes) != 0 {
		t.Errorf("volumes: %v, %v", volumes, err)
	}
	results, err := s.Results(t.Context(), velerov1.DownloadTargetKindBackupResults, made.Name)
	if err != nil || len(results.Errors) != 0 {
		t.Errorf("results: %+v, %v", results, err)
	}

	if err := s.Delete(ctx, ended); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context(), made.Name); !member.IsObjectNotFound(err) {
		t.Errorf("after it was deleted: %v", err)
	}
	if err := s.Delete(ctx, ended); err != nil {
		t.Errorf("deleted twice: %v", err)
	}
	var gone *velero.GoneError
	if _, err := s.AwaitBackup(ctx, made.Name, func(*velerov1.Backup) bool { return true }, nil); !errors.As(err, &gone) {
		t.Errorf("awaited after that: %v", err)
	}
}

func artifact(t *testing.T, s velero.Server, kind velerov1.DownloadTargetKind, name string) []byte {
	t.Helper()
	body, err := s.Artifact(t.Context(), kind, name)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return text
}

// The API server and Velero go, and come back, while a Backup is waited for. Velero goes,
// too, for it may have lost the answer to its own write: then it never ends that Backup,
// nor begins another.
func TestVeleroAwaitLost(t *testing.T) {
	f := bed(t)
	s := serverOf(t, "c2")
	shop(t, "c2", "lost")
	wanted := backupOf(t, s, "lost", "lost")
	f.Hang(t, addon.Store) // until then it is InProgress
	made, err := s.CreateBackup(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := make(chan struct{})
	ended := make(chan error, 1)
	var once sync.Once
	go func() {
		b, err := s.AwaitBackup(ctx, made.Name, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) }, func(b *velerov1.Backup) {
			if b.Status.Phase == velerov1.BackupPhaseInProgress {
				once.Do(func() { close(begun) })
			}
		})
		if err == nil && b.Status.Phase == velerov1.BackupPhaseInProgress {
			err = errors.New("it has not ended")
		}
		ended <- err
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("ended before it began: %v", err)
	}
	t.Run("while both are gone", func(t *testing.T) {
		f.Kill(t, "c2")
		f.KillProgram(t, "c2", "velero")
	})
	f.Resume(t, addon.Store)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A store that cannot be reached is a *StoreError, and its address is not said with the
// signature in it.
func TestVeleroStoreAway(t *testing.T) {
	f := bed(t)
	s := serverOf(t, "c1")
	shop(t, "c1", "away")
	made, err := s.CreateBackup(t.Context(), backupOf(t, s, "away", "away"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.AwaitBackup(ctx, made.Name, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) }, nil); err != nil {
		t.Fatal(err)
	}
	t.Run("killed", func(t *testing.T) {
		f.Kill(t, addon.Store) //nolint:contextcheck // it is mended when the test has ended
		var store *velero.StoreError
		if _, err := s.Artifact(ctx, velerov1.DownloadTargetKindBackupLog, made.Name); !errors.As(err, &store) || strings.Contains(err.Error(), "Signature") {
			t.Errorf("log without a store: %v", err)
		}
	})
	artifact(t, s, velerov1.DownloadTargetKindBackupLog, made.Name)
}
