package fleetbackup

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// A set is described whatever a cluster says of it.
func FuzzDescribe(f *testing.F) {
	f.Add(`{"metadata":{"name":"a"},"status":{"members":[{"cluster":"east","instants":{"armed":0,"quiet":5,"asked":6,"cut":8,"release":9,"released":10}}]}}`)
	f.Add(`{"status":{"members":[{"instants":{"armed":-9223372036854775808,"quiet":9223372036854775807}}]}}`)
	f.Add(`{"status":{"members":[{"instants":{"armed":-9000000000000000000,"quiet":1,"released":9000000000000000000}}],"frozenMillis":-1}}`)
	f.Add(`{"status":{"members":[{"instants":{"armed":0,"quiet":180000000000000000,"released":4000000000000000000}}]}}`)
	f.Add(`{"status":{"members":[{"instants":{"quiet":1,"release":-5}},{"missing":"x","instants":{"released":7}}],"why":[""]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		e := &v1alpha1.BackupExecution{}
		if json.Unmarshal([]byte(text), e) != nil {
			return
		}
		said := &strings.Builder{}
		describeSet(said, e)
		if !strings.Contains(said.String(), "CLUSTER") {
			t.Errorf("%q", said)
		}
	})
}
