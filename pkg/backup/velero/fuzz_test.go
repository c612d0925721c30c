package velero

import (
	"encoding/json"
	"testing"
)

// What Velero left in a bucket, or somebody else did: what can be read can be said.
func FuzzArtifacts(f *testing.F) {
	f.Add(`[{"pvcName":"a","backupMethod":"CSISnapshot","csiSnapshotInfo":{"snapshotHandle":"h"},"snapshotDataMoved":true}]`)
	f.Add(`[{"backupMethod":"NativeSnapshot"},{"skipped":true},null]`)
	f.Add(`{"errors":{"velero":["a"],"namespaces":{"n":null}},"warnings":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		var infos []volumeInfo
		if json.Unmarshal([]byte(text), &infos) == nil {
			for i := range infos {
				if v := infos[i].volume(); v.Method == "" {
					t.Errorf("%+v", v)
				}
			}
		}
		var half result
		if json.Unmarshal([]byte(text), &half) == nil {
			_ = half.texts()
		}
	})
}
