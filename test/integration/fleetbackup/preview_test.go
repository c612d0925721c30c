package fleetbackup_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A preview says what would become of each object, and no value of a Secret.
func TestRestorePreview(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "previewed")
	for cluster, change := range map[string]string{"prices": "configmaps", "safe": "secrets"} {
		_, err := objects(t, "c1", "", "v1", change, r.name).Patch(t.Context(), cluster, types.MergePatchType, []byte(`{"data":{"bread":"NQ=="}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := objects(t, "c2", "", "v1", "configmaps", r.name).Delete(t.Context(), "prices", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	args := []string{"restore", r.name, "-f", r.file(t), "--preview"}
	code, out, _ := r.plugin(t, 0, args...)
	if code != 0 || r.Writes() != 8 { // Velero is asked for its version and where the contents are, by objects that are deleted again
		t.Fatalf("exit code %d, %d writes\n%s", code, r.Writes(), out)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(out) {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, want := range []string{
		"c1 previewed configmap/prices Differs it stays as it is; it differs in data.bread",
		"c1 previewed secret/safe Differs it stays as it is; it differs in data.bread",
		"c1 previewed deployment.apps/till Same <none>",
		"c1 <none> namespace/previewed Same <none>",
		"c2 previewed configmap/prices Create <none>",
		"c2 previewed secret/safe Same <none>",
	} {
		if !lines[want] {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	code, out, _ = r.plugin(t, 0, append(args, "--existing-resources", "update", "-o", "json")...)
	if code != 0 || !strings.Contains(out, `"change": "Patch"`) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	keeps := func(out string) {
		t.Helper()
		if strings.Contains(out, "open sesame") || strings.Contains(out, "b3BlbiBzZXNhbWU") || strings.Contains(out, "NQ==") {
			t.Errorf("it shows what a Secret has:\n%s", out)
		}
	}
	keeps(out)
	// Nor does it, or anything else that reads or writes it, at the highest verbosity.
	turn.Lock()
	defer turn.Unlock()
	for _, args := range [][]string{
		append(args, "-v=9"),
		{"create", r.name, "-C", "c1,c2", "--include-namespaces", r.name, "--ttl", "1h", "--yes", "-v=9", "-o", "json"},
		{"restore", r.name, "-f", r.file(t), "--existing-resources", "update", "--yes", "-v=9", "-o", "json"},
	} {
		code, out, _ := r.Run(t, 0, false, r.env, args...)
		if code != 0 || !strings.Contains(out, "/apis/velero.io/v1/namespaces/velero/") {
			t.Errorf("%s: exit code %d, and it should log requests; its end:\n%s", args[0], code, out[max(0, len(out)-4<<10):])
		}
		keeps(out)
	}
}

// What is left of a set is compared with its manifest.
func TestVerify(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "verified")
	verify := func(code int, texts ...string) {
		t.Helper()
		got, out, _ := r.plugin(t, 0, "verify", r.name, "-f", r.file(t))
		if got != code {
			t.Fatalf("exit code %d, want %d\n%s", got, code, out)
		}
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("nothing says %q\n%s", text, out)
			}
		}
	}
	verify(0, "Completed")
	m := &r.manifest.Status.Members[0]
	m.Backup.Items++
	verify(7, "items, and the manifest says", "the set cannot be relied on any more")
	m.Backup.Items--
	m.UID = "another"
	verify(7, "it is another cluster than the one that was backed up")
	s := serverOf(t, "c2")
	b, err := s.Backup(t.Context(), r.manifest.Status.Members[1].Backup.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	verify(7, "the Backup is gone")
}
