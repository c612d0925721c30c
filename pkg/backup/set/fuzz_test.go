package set

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// What two clusters remember of a set, whoever has written it: it can be merged and
// judged, every cluster that remembers itself is in it, and nothing that the judge
// calls complete has a member missing.
func FuzzJournals(f *testing.F) {
	f.Add(`{"status":{"members":[{"uid":"a","cluster":"east"},{"uid":"b","cluster":"west"}]}}`, `{"status":{"members":[{"uid":"b"}]}}`)
	f.Add(`{}`, `{"status":{"members":[{"uid":"b","missing":"x"}]}}`)
	f.Add(`{"status":{"phase":"Sealed"}}`, `null`)
	f.Add(`{"spec":{"policy":{"spec":{"quiesce":[{"actions":[{"exec":null}]}]}}},"status":{"members":[{"uid":"a","holds":[{"ttlSeconds":1,"state":"Released"}],
"instants":{"quiet":1,"asked":2,"cut":3,"release":4}}]}}`, `{"status":{"members":null}}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		journals := []*Journal{{uid: "a"}, {uid: "b"}}
		for i, text := range []string{first, second} {
			if json.Unmarshal([]byte(text), &journals[i].BackupExecution) != nil {
				return
			}
		}
		merged := Merge(journals)
		if merged.Status.Phase != v1alpha1.BackupSealed {
			for i, uid := range []types.UID{"a", "b"} {
				if journals[i].Own() != nil && MemberOf(&merged, uid) == nil {
					t.Errorf("%s is not in the set any more", uid)
				}
			}
		}
		Judge(&merged, "")
		for _, m := range merged.Status.Members {
			if m.Missing != "" && merged.Status.Complete {
				t.Errorf("complete without %s", m.Cluster)
			}
		}
	})
}
