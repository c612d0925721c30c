package backup

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/ledger/lab"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

const (
	conserved = 50
	lost      = 10
	// stored are the runs with the money in volumes: each waits for Velero's snapshots.
	stored, storedLost = 6, 3
)

// TestConservation: money that moves between three clusters all the time is all there after a
// restore of a quiesced set, every time; without the barrier it is not, mostly.
func TestConservation(t *testing.T) {
	fleet := testfleet.New(t, bed.Options{Clusters: 3, Addons: []addon.Addon{velero.Addon{}}})
	l := lab.New(t, fleet, fleet.Clusters()...)
	aligned, plain := l.Lose(t, lost)
	t.Logf("without a barrier: %d of %d wrong; by Velero's own command, cluster after cluster: %d of %d wrong", aligned, lost, plain, lost)
	if aligned*10 < lost*3 || plain*10 < lost*3 {
		t.Error("the control is not wrong often enough to prove anything")
	}
	l.Conserve(t, conserved)
}

// TestConservationInVolumes: the same with the money in files, of which CSI snapshots are
// taken. The clusters are let go when all snapshots are cut, long before the Backups are.
func TestConservationInVolumes(t *testing.T) {
	fleet := testfleet.SharedWith(t, snapshots.Addon{}, velero.Addon{})
	l := lab.NewStored(t, fleet, fleet.Clusters()...)
	aligned, plain := l.Lose(t, storedLost)
	t.Logf("without a barrier: %d of %d wrong; by Velero's own command, cluster after cluster: %d of %d wrong", aligned, storedLost, plain, storedLost)
	if aligned*10 < storedLost*3 || plain*10 < storedLost*3 {
		t.Error("the control is not wrong often enough to prove anything")
	}
	l.Conserve(t, stored)
}
