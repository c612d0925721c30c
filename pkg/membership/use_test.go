package membership_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

const head = "apiVersion: kubectl-fleet.io/v1alpha1\nkind: FleetConfig\n"

func write(t testing.TB, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fleets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// use does what the command does.
func use(path, fleet string) error {
	file, err := membership.OpenFleetFile(path)
	if err != nil {
		return err
	}
	if _, err := file.Use(fleet); err != nil {
		return err
	}
	return file.Save()
}

func TestUseKeepsTheText(t *testing.T) {
	fleets := "fleets:\n- name: a\n\n- name: b # second\n"
	for name, test := range map[string]struct{ before, after string }{
		"absent":           {head + fleets, head + fleets + "currentFleet: b\n"},
		"no last newline":  {head + strings.TrimSuffix(fleets, "\n"), head + fleets + "currentFleet: b\n"},
		"plain":            {head + "currentFleet: a  # now\n\n" + fleets, head + "currentFleet: b  # now\n\n" + fleets},
		"quoted":           {head + "currentFleet: 'a' # now\n" + fleets, head + "currentFleet: b # now\n" + fleets},
		"double quoted":    {head + "\"currentFleet\": \"a\"\n" + fleets, head + "\"currentFleet\": b\n" + fleets},
		"the same already": {head + "currentFleet: b\n" + fleets, head + "currentFleet: b\n" + fleets},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.before)
			if err := use(path, "b"); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != test.after {
				t.Errorf("got\n%s\nwant\n%s", got, test.after)
			}
		})
	}
}

func TestSaveRefusesWhatSomebodyElseChanged(t *testing.T) {
	path := write(t, head+"fleets:\n- name: a\n")
	file, err := membership.OpenFleetFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Use("a"); err != nil {
		t.Fatal(err)
	}
	others := head + "fleets:\n- name: a\n- name: theirs\n"
	if err := os.WriteFile(path, []byte(others), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := file.Save(); err == nil || !strings.Contains(err.Error(), "changed by somebody else") {
		t.Errorf("got error %v", err)
	}
	if got := read(t, path); got != others {
		t.Errorf("their change is gone:\n%s", got)
	}
}

// FuzzUse: whatever the notation, only currentFleet changes in meaning.
func FuzzUse(f *testing.F) {
	for _, text := range []string{
		"fleets: [{name: a}]", "currentFleet: \"a\"\nfleets:\n  - name: a\n", "{currentFleet: x, fleets: [{name: a}]}",
		"currentFleet: >-\n  a\nfleets: [{name: a}]\n", "currentFleet:\nfleets: [{name: a}]\n...\n", "currentFleet: &x a\nfleets: [{name: *x}]\n",
		"fleets:\n- name: a\n  members:\n  - context: \"ü\"\n    labels: {x: y}\n# end", "currentFleet: a\r\nfleets: [{name: a}]\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = head + text
		path := write(t, text)
		before, _, err := inventory.ReadFleetFile(path)
		if err != nil || len(before.Fleets) == 0 {
			t.Skip()
		}
		want := before.Fleets[0].Name
		if err := use(path, want); err != nil {
			if got := read(t, path); got != text {
				t.Fatalf("failed with %v, and wrote\n%s", err, got)
			}
			return
		}
		after, _, err := inventory.ReadFleetFile(path)
		if err != nil {
			t.Fatalf("what it wrote cannot be read: %v\n%s", err, read(t, path))
		}
		if after.CurrentFleet != want {
			t.Errorf("the current fleet is %q, want %q", after.CurrentFleet, want)
		}
		var left, right map[string]any
		if yaml.Unmarshal([]byte(text), &left) != nil || yaml.Unmarshal([]byte(read(t, path)), &right) != nil {
			t.Fatal("not YAML")
		}
		delete(left, "currentFleet")
		delete(right, "currentFleet")
		if !reflect.DeepEqual(left, right) {
			t.Errorf("more than the current fleet changed:\n%s\nis now\n%s", text, read(t, path))
		}
	})
}
