package velero

import (
	"encoding/json"
	"testing"
)

// What Velero notes of a volume, as it writes it.
func TestVolumeInfo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what, text, handle, skipped string
		taken                       bool
	}{
		{"a snapshot", `{"backupMethod":"CSISnapshot","result":"succeeded","startTimestamp":"2026-11-21T10:00:00Z","csiSnapshotInfo":{"snapshotHandle":"s1"}}`, "s1", "", true},
		{"one that failed", `{"backupMethod":"CSISnapshot","result":"failed","csiSnapshotInfo":{"snapshotHandle":"s1"}}`, "s1", "it failed", false},
		{"moved", `{"backupMethod":"CSISnapshot","snapshotDataMoved":true,"startTimestamp":"2026-11-21T10:00:00Z","csiSnapshotInfo":{"snapshotHandle":"unknown"},"snapshotDataMovementInfo":{"snapshotHandle":"k1","Phase":"Completed"}}`, "k1", "", false},
		{"moved, by one that tells no phase", `{"backupMethod":"CSISnapshot","snapshotDataMoved":true,"snapshotDataMovementInfo":{"snapshotHandle":"k1"}}`, "k1", "", false},
		{"still being moved", `{"backupMethod":"CSISnapshot","snapshotDataMoved":true,"csiSnapshotInfo":{"snapshotHandle":"unknown"},"snapshotDataMovementInfo":{"snapshotHandle":"","Phase":"InProgress"}}`, "", "its data were not moved to the location: the DataUpload is InProgress", false},
		{"nobody moves it", `{"backupMethod":"CSISnapshot","snapshotDataMoved":true,"csiSnapshotInfo":{"snapshotHandle":"unknown"}}`, "", "its data were not moved to the location", false},
		{"skipped", `{"skipped":true,"skippedReason":"by policy"}`, "", "by policy", false},
	} {
		var info volumeInfo
		if err := json.Unmarshal([]byte(test.text), &info); err != nil {
			t.Fatal(err)
		}
		if v := info.volume(); v.Handle != test.handle || v.Skipped != test.skipped || v.Taken.IsZero() == test.taken {
			t.Errorf("%s: %+v", test.what, v)
		}
	}
}
