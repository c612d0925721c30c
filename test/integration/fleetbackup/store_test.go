package fleetbackup_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/test/ledger/lab"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// meddled puts a meddler before the store of a cluster until the test ends.
func meddled(t *testing.T, cluster string, meddler meddle.Meddler) {
	t.Helper()
	locations := objects(t, cluster, "velero.io", "v1", "backupstoragelocations", addon.Namespace)
	location, err := locations.Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	address, _, err := unstructured.NestedString(location.Object, "spec", "config", "s3Url")
	if err != nil {
		t.Fatal(err)
	}
	at := func(address string) string {
		text, err := json.Marshal(map[string]any{"spec": map[string]any{"config": map[string]any{"s3Url": address}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	patch(t, locations, "default", at(meddle.BeforeStore(t, address, meddler)), at(address))
}

// A store that takes seconds for each request keeps everything frozen for as long as the
// policy lets it, and no longer: what was not cut by then is torn. In time it is as good as
// any.
func TestStoreSlow(t *testing.T) {
	l := lab.New(t, bed(t), "c1", "c2")
	var each atomic.Int64
	meddled(t, "c2", func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		meddle.Slow(time.Duration(each.Load()))(w, r, store)
	})

	each.Store(int64(3 * time.Second))
	ended := l.WhileFrozen(t, func() {
		eventually(t, func() error {
			if l.Frozen("c1") || l.Frozen("c2") {
				return errors.New("it is frozen still")
			}
			return nil
		})
		each.Store(0)
	}, "create", "-f", l.Policy(t, false), "--yes", "--max-freeze", "10s")
	set := l.Newest(t)
	why := fmt.Sprintf(`when the cut of c2 was over is not known: maxFreeze is over, and Backup %s was InProgress still; it is written to bucket velero, prefix "c2"`, set.Status.Members[1].Backup.Name)
	if ended.Code != int(cli.ExitDegraded) || set.Status.Grade != v1alpha1.GradeTorn || !strings.Contains(ended.Output, why) {
		t.Errorf("%d, %s, and want %s: %s", ended.Code, set.Status.Grade, why, ended.Output)
	}

	each.Store(int64(time.Second))
	code, out := l.Plugin(t, "create", "-f", l.Policy(t, false), "--yes")
	if set := l.Newest(t); code != 0 || set.Status.Grade != v1alpha1.GradeQuiesced || !set.Status.Complete {
		t.Errorf("%d, %s: %s", code, set.Status.Grade, out)
	}
	if l.Frozen("c1") || l.Frozen("c2") {
		t.Error("it is frozen still")
	}
}

// A store without space fails what is written to it, and nothing else. Which it is, and of
// which cluster, is said.
func TestStoreFull(t *testing.T) {
	l := lab.New(t, bed(t), "c1", "c2")
	full := meddle.Full(http.StatusInsufficientStorage, "XMinioStorageFull", "Storage backend has reached its minimum free drive threshold.")
	quota := meddle.Full(http.StatusForbidden, "QuotaExceeded", "The quota is used up.")
	made := func(t *testing.T, code cli.ExitCode, phase v1alpha1.BackupPhase, grade v1alpha1.BackupGrade, says ...string) string {
		t.Helper()
		is, out := l.Plugin(t, "create", "-f", l.Policy(t, false), "--yes")
		set := l.Newest(t)
		if is != int(code) || set.Status.Phase != phase || set.Status.Grade != grade {
			t.Errorf("%d, %s %s: %s", is, set.Status.Phase, set.Status.Grade, out)
		}
		for _, text := range says {
			if !strings.Contains(out, text) {
				t.Errorf("nothing says %s: %s", text, out)
			}
		}
		if l.Frozen("c1") || l.Frozen("c2") {
			t.Error("it is frozen still")
		}
		return set.Name
	}
	t.Run("of one member", func(t *testing.T) {
		meddled(t, "c2", full)
		made(t, cli.ExitPartial, v1alpha1.BackupSealed, v1alpha1.GradeQuiesced, "c2 is missing: Backup fb-ledger-", `XMinioStorageFull: Storage backend has reached its minimum free drive threshold. (bucket velero, prefix "c2")`)
	})
	t.Run("of all", func(t *testing.T) {
		meddled(t, "c1", quota)
		meddled(t, "c2", quota) // so that no member can be given the manifest, either
		made(t, cli.ExitFailed, v1alpha1.BackupFinishing, "", "no member has a Backup that can be relied on", `QuotaExceeded: The quota is used up. (bucket velero, prefix "c1")`, `(bucket velero, prefix "c2")`)
	})
	// Velero writes its description of a Backup twice: when it is cut, and when it has ended.
	const ended, ofManifest = 2, 3
	for when, description := range map[string]int32{"when a Backup has ended": ended, "when a set is sealed": ofManifest} {
		t.Run(when, func(t *testing.T) {
			var name string
			t.Run("until", func(t *testing.T) {
				meddled(t, "c2", since(description, full))
				name = made(t, cli.ExitPartial, v1alpha1.BackupSealed, v1alpha1.GradeQuiesced, `is not everywhere: c2: its store, bucket velero, prefix "c2": Backup fb-`, "XMinioStorageFull")
			})
			if code, out := l.Plugin(t, "recover", name, "-C", "c1,c2"); code != 0 {
				t.Errorf("recover: %d: %s", code, out)
			}
		})
	}
	// With space again the others come to their end, too.
	_, done := l.Plugin(t, "recover", "-C", "c1,c2")
	if code, out := l.Plugin(t, "recover", "-C", "c1,c2"); code != 0 || !strings.Contains(out, "there is nothing to recover") {
		t.Errorf("recover: %d: %s, after %s", code, out, done)
	}
}

// since is a meddler that begins with a write of a description of a Backup: the first is 1.
func since(description int32, meddler meddle.Meddler) meddle.Meddler {
	var seen atomic.Int32
	return func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/velero-backup.json") {
			seen.Add(1)
		}
		if seen.Load() >= description {
			meddler(w, r, store)
			return
		}
		store.ServeHTTP(w, r)
	}
}

// While a store is away a set is neither called good nor bad for it, unless Velero itself
// has missed it; and nothing is restored of it.
func TestStoreAway(t *testing.T) {
	r := backedUp(t, "unread")
	verify := []string{"verify", r.name, "-f", r.file(t)}
	preview := []string{"restore", r.name, "-f", r.file(t), "--preview"}
	says := func(t *testing.T, code cli.ExitCode, args []string, texts ...string) {
		t.Helper()
		is, out, _ := r.plugin(t, 0, args...)
		if is != int(code) {
			t.Errorf("%v: exit code %d, want %d\n%s", args, is, code, out)
		}
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("%v: nothing says %q\n%s", args, text, out)
			}
		}
	}
	clusters := []string{"c1", "c2"}
	validated := func(t *testing.T, every string) {
		t.Helper()
		for _, c := range clusters {
			locations := objects(t, c, "velero.io", "v1", "backupstoragelocations", addon.Namespace)
			patch(t, locations, "default", `{"spec": {"validationFrequency": "`+every+`"}}`, `{"spec": {"validationFrequency": null}}`)
		}
	}
	phase := func(t *testing.T, want string) {
		t.Helper()
		for _, c := range clusters {
			eventually(t, func() error {
				location, err := serverOf(t, c).Location(t.Context(), "default")
				if err == nil && string(location.Status.Phase) != want {
					err = fmt.Errorf("the location of %s is %s", c, location.Status.Phase)
				}
				return err
			})
		}
	}
	t.Run("and nobody has looked", func(t *testing.T) {
		validated(t, "0s")
		bed(t).Kill(t, addon.Store)
		says(t, cli.ExitOK, verify, "c1: the object store at 127.0.0.1:", "c2: the object store at 127.0.0.1:", "cannot be read from here")
		says(t, cli.ExitFailed, preview, "error: c1, c2: Unhealthy: the object store at 127.0.0.1:", "cannot be read from here")
	})
	t.Run("and Velero knows", func(t *testing.T) {
		validated(t, "1s")
		t.Run("until", func(t *testing.T) {
			bed(t).Kill(t, addon.Store)
			phase(t, "Unavailable")
			says(t, cli.ExitDegraded, verify, "BackupStorageLocation default is not available", "the set cannot be relied on any more")
			says(t, cli.ExitRefused, preview, "refused: c1: location: BackupStorageLocation default, which has the backup of c1, is not available", "refused: c2: ", "nothing was changed")
		})
		phase(t, "Available")
	})
	says(t, cli.ExitOK, verify)
	says(t, cli.ExitOK, preview, "prices")
	// What a Velero that is away has is not known, which is no word against the set.
	killVelero(t, "c1")
	says(t, cli.ExitPartial, verify, "error: c1: Unhealthy: Velero in namespace velero has not answered a DownloadRequest for 15s")
}
