package velero

import (
	"context"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// SnapshotGroup is the API group of CSI snapshots.
const SnapshotGroup = "snapshot.storage.k8s.io"

// Claim names a PersistentVolumeClaim.
type Claim struct{ Namespace, Name string }

// Snapshot is a CSI snapshot that has been cut.
type Snapshot struct {
	// Handle is the storage's name for it.
	Handle string
	// Taken is when, by the storage's clock; zero if it does not say.
	Taken time.Time
}

// volumeSnapshot is as much of a VolumeSnapshot as is read here.
type volumeSnapshot struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Source struct {
			Claim string `json:"persistentVolumeClaimName"`
		} `json:"source"`
	} `json:"spec"`
	Status struct {
		Content string `json:"boundVolumeSnapshotContentName"`
	} `json:"status"`
}

// snapshotContent is as much of a VolumeSnapshotContent as is read here.
type snapshotContent struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Status struct {
		Handle string `json:"snapshotHandle"`
		// Taken is in nanoseconds since 1970.
		Taken int64 `json:"creationTime"`
	} `json:"status"`
}

func snapshotResource(plural, kind string, namespaced bool) member.Resource {
	gvr := schema.GroupVersionResource{Group: SnapshotGroup, Version: "v1", Resource: plural}
	return member.Resource{GroupVersionResource: gvr, Kind: kind, Namespaced: namespaced}
}

func volumeSnapshots() member.Resource {
	return snapshotResource("volumesnapshots", "VolumeSnapshot", true)
}

func snapshotContents() member.Resource {
	return snapshotResource("volumesnapshotcontents", "VolumeSnapshotContent", false)
}

// looks is how often snapshots are looked for. Something is held still meanwhile, and
// what is looked for is gone again a second after it is there.
const looks = 100 * time.Millisecond

// AwaitSnapshots waits until the snapshots that Velero takes for a Backup are those of
// some claims, of each one and of no others, and all have a handle: by the CSI
// specification a driver gives none before the snapshot is cut. Whether it is ready to
// use does not matter. A cluster that does not answer is asked again until ctx ends;
// any other error, such as one of rights, is returned at once.
func (s Server) AwaitSnapshots(ctx context.Context, backup string, claims []Claim) (map[Claim]Snapshot, error) {
	wanted := map[Claim]bool{}
	namespaces := map[string]bool{}
	for _, c := range claims {
		wanted[c], namespaces[c.Namespace] = true, true
	}
	w := &snapshotWaiter{server: s, selector: velerov1.BackupNameLabel + "=" + LabelValue(backup), cut: map[string]Snapshot{}}
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for {
		taken, err := w.look(ctx, namespaces)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil && !member.IsAway(err) && !member.IsObjectNotFound(err): // one that is gone again, with its Backup
			return nil, err
		case err == nil && same(wanted, taken):
			return taken, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// same is true if each of the claims was cut, and nothing else was.
func same(wanted map[Claim]bool, taken map[Claim]Snapshot) bool {
	for claim, is := range taken {
		if !wanted[claim] || is.Handle == "" {
			return false
		}
	}
	return len(taken) == len(wanted)
}

// snapshotWaiter looks for the snapshots of one Backup.
type snapshotWaiter struct {
	server   Server
	selector string
	// cut has those that had a handle, by the name of the content.
	cut map[string]Snapshot
}

// look is what there is now. One without a handle is there, too. Of two of one claim
// the first that is not cut counts.
func (w *snapshotWaiter) look(ctx context.Context, namespaces map[string]bool) (map[Claim]Snapshot, error) {
	taken := map[Claim]Snapshot{}
	for namespace := range namespaces {
		there, err := list[volumeSnapshot](ctx, Server{Member: w.server.Member, Namespace: namespace}, volumeSnapshots(), w.selector)
		if err != nil {
			return nil, err
		}
		for _, v := range there {
			is, err := w.snapshot(ctx, v.Status.Content)
			if err != nil {
				return nil, err
			}
			claim := Claim{namespace, v.Spec.Source.Claim}
			if other, twice := taken[claim]; !twice || other.Handle != "" {
				taken[claim] = is
			}
		}
	}
	return taken, nil
}

// snapshot is what is known by the name of its content.
func (w *snapshotWaiter) snapshot(ctx context.Context, content string) (Snapshot, error) {
	if is, known := w.cut[content]; known || content == "" {
		return is, nil
	}
	found, err := read[snapshotContent](ctx, Server{Member: w.server.Member}, snapshotContents(), content)
	if err != nil {
		return Snapshot{}, err
	}
	is := Snapshot{Handle: found.Status.Handle}
	if at := found.Status.Taken; at > 0 {
		is.Taken = time.Unix(0, at)
	}
	if is.Handle != "" {
		w.cut[content] = is
	}
	return is, nil
}
