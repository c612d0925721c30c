package membership_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

// list names members as they are named, or after their contexts.
func list(fleet *v1alpha1.Fleet) ([]inventory.Cluster, error) {
	var listed []inventory.Cluster
	for _, m := range fleet.Members {
		c := inventory.Cluster{Name: m.Name, Context: m.Context, UID: m.ClusterUID, Server: m.Server, Labels: m.Labels}
		if c.Name == "" {
			c.Name = m.Context
		}
		listed = append(listed, c)
	}
	return listed, nil
}

// joining is a cluster that was asked who it is.
func joining(context string) inventory.Cluster {
	return inventory.Cluster{Name: "m-" + context, Context: context, Server: "https://" + context, UID: "uid-" + context}
}

func join(fleet string, labels map[string]string, contexts ...string) membership.Planner {
	r := membership.JoinRequest{Fleet: fleet, Labels: labels, Members: list}
	for _, context := range contexts {
		r.Clusters = append(r.Clusters, joining(context))
	}
	return func(f *membership.FleetFile) (membership.Plan, error) { return f.Join(r) }
}

func unjoin(fleet string, names ...string) membership.Planner {
	return func(f *membership.FleetFile) (membership.Plan, error) { return f.Unjoin(fleet, names, list) }
}

func label(fleet, member string, specs ...string) membership.Planner {
	return func(f *membership.FleetFile) (membership.Plan, error) {
		set, remove, err := membership.ParseLabels(specs)
		if err != nil {
			return membership.Plan{}, err
		}
		return f.Label(membership.LabelRequest{Fleet: fleet, Names: []string{member}, Set: set, Remove: remove, Overwrite: true, Members: list})
	}
}

// apply does what the commands do, without asking.
func apply(ctx context.Context, path string, change membership.Planner) error {
	file, err := membership.OpenFleetFile(path)
	if err != nil {
		return err
	}
	plan, err := change(file)
	if err != nil {
		return err
	}
	return membership.Make(ctx, path, plan, change)
}

const joinedC2 = `
  - name: m-c2
    context: c2
    server: https://c2
    clusterUID: uid-c2
`

// A change touches the lines that it is about: notation, comments, empty lines
// and unknown fields of the others stay.
func TestChangesKeepTheText(t *testing.T) {
	hand := `
fleets:
# the first
- name: f # ours

  members:
  # old
  - {context: c1, labels: {a: b}} # by hand
  # said of nobody

  - name: three   # aligned
    context: c3

    owner: sre # unknown to us
- name: g
  members: []   # nobody yet
# end
`
	for name, test := range map[string]struct {
		before string
		change membership.Planner
		// old is replaced by is, once.
		old, is string
	}{
		"join behind the last": {hand, join("f", nil, "c2"), "    owner: sre # unknown to us\n", "    owner: sre # unknown to us" + joinedC2},
		"join the empty":       {hand, join("g", nil, "c2"), "  members: []   # nobody yet\n", "  members:   # nobody yet" + joinedC2},
		"join a new fleet":     {hand, join("new", nil, "c2"), "  members: []   # nobody yet\n", "  members: []   # nobody yet\n- name: new\n  members:" + joinedC2},
		"join in one line": {"fleets:\n\n- name: f\n  members: [{context: c1}] # x\n", join("f", nil, "c2"),
			"{context: c1}]", "{context: c1}, {name: m-c2, context: c2, server: 'https://c2', clusterUID: uid-c2}]"},
		"join, all in one line": {"fleets: [{name: f, members: []}]\n", join("f", nil, "c2"),
			"[]}", "[{name: m-c2, context: c2, server: 'https://c2', clusterUID: uid-c2}]}"},
		"join, indented": {"fleets:\n  - name: f\n    members:\n      - context: c1\n", join("f", nil, "c2"),
			"- context: c1\n", "- context: c1" + strings.ReplaceAll(joinedC2, "\n  ", "\n      ")},
		"join, nothing there":   {"# nothing\n", join("f", nil, "c2"), "# nothing\n", "fleets:\n- name: f\n  members:" + joinedC2 + "# nothing\n"},
		"join, fleets is null":  {"fleets:\nowner: x\n", join("f", nil, "c2"), "fleets:\n", "fleets:\n- name: f\n  members:" + joinedC2},
		"join, fleets is empty": {"fleets: []\n", join("f", nil, "c2"), "fleets: []\n", "fleets:\n- name: f\n  members:" + joinedC2},
		"join, no last newline": {"fleets:\n- name: f\n  members:\n  - context: c1", join("f", nil, "c2"), "c1", "c1" + joinedC2},
		"join, CRLF": {"fleets:\r\n- name: f\r\n  members:\r\n  - context: c1\r\n", join("f", nil, "c2"),
			"c1\r\n", "c1" + strings.ReplaceAll(joinedC2, "\n", "\r\n")},
		"join again": {hand, join("f", map[string]string{"x": "y"}, "c1"),
			"{a: b}} #", `{a: b, x: "y"}, server: 'https://c1', clusterUID: uid-c1} #`},
		"label":              {hand, label("f", "c1", "a=c"), "{a: b}", "{a: c}"},
		"label away":         {hand, label("f", "c1", "a-"), ", labels: {a: b}", ""},
		"label in a block":   {hand, label("f", "three", "true=yes"), "   # aligned\n    context: c3\n\n    owner: sre # unknown to us\n", " # aligned\n    context: c3\n    owner: sre # unknown to us\n    labels:\n      \"true\": \"yes\"\n"},
		"unjoin a line":      {hand, unjoin("f", "c1"), "  - {context: c1, labels: {a: b}} # by hand\n", ""},
		"unjoin a block":     {hand, unjoin("f", "three"), "  - name: three   # aligned\n    context: c3\n\n    owner: sre # unknown to us\n", ""},
		"unjoin the last":    {"fleets:\n- name: f\n  members: # us\n  - context: c1\n\n- name: g\n", unjoin("f", "c1"), "  members: # us\n  - context: c1\n", "  members: [] # us\n"},
		"unjoin in one line": {"fleets:\n\n- name: f\n  members: [{context: c1}, {context: c2}] # x\n", unjoin("f", "c1"), "{context: c1}, ", ""},
		"unjoin two":         {hand, unjoin("f", "*"), hand[strings.Index(hand, "  members:\n"):strings.Index(hand, "- name: g")], "  members: []\n  # old\n  # said of nobody\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, head+test.before)
			if err := apply(t.Context(), path, test.change); err != nil {
				t.Fatal(err)
			}
			if strings.Count(test.before, test.old) != 1 {
				t.Fatalf("%q is not once in\n%s", test.old, test.before)
			}
			want := head + strings.Replace(test.before, test.old, test.is, 1)
			if got := read(t, path); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What cannot be changed without changing something else is not changed.
func TestChangesRefuseWhatTheyCannotDo(t *testing.T) {
	for name, text := range map[string]string{
		"members of two fleets": "fleets:\n- name: f\n  members: &m\n  - context: c1\n- name: g\n  members: *m\n",
		"a member twice":        "fleets:\n- name: f\n  members:\n  - &m {context: c1}\n- name: g\n  members:\n  - *m\n",
	} {
		path := write(t, head+text)
		err := apply(t.Context(), path, unjoin("f", "c1"))
		if err == nil || !strings.Contains(err.Error(), "change it by hand") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if got := read(t, path); got != head+text {
			t.Errorf("%s: it wrote\n%s", name, got)
		}
	}
}

// Many who write at the same time, also the first line: nobody's change is lost.
func TestNoUpdateIsLost(t *testing.T) {
	const writers, each = 8, 6
	path := filepath.Join(t.TempDir(), "fleets.yaml")
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := apply(t.Context(), path, join("f", nil, fmt.Sprintf("c%d-%d", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	config, _, err := inventory.ReadFleetFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(config.Fleets[0].Members); got != writers*each || len(config.Fleets) != 1 {
		t.Errorf("%d members joined, of %d", got, writers*each)
	}
}

// Who was asked about one change does not get another.
func TestMakeRefusesWhatWasNotPlanned(t *testing.T) {
	path := write(t, head+"fleets: [{name: f, members: [{context: c1, labels: {a: b}}]}]\n")
	file, err := membership.OpenFleetFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change := unjoin("f", "c1")
	plan, err := change(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := apply(t.Context(), path, label("f", "c1", "a=c")); err != nil {
		t.Fatal(err)
	}
	var conflict *membership.ConflictError
	if err := membership.Make(t.Context(), path, plan, change); !errors.As(err, &conflict) {
		t.Errorf("got %v", err)
	}
}

// FuzzChanges: whatever the notation, a change is the one asked for and no other,
// or there is none.
func FuzzChanges(f *testing.F) {
	for i, text := range []string{
		"fleets: [{name: f, members: [{context: c1}]}]", "fleets:\n- name: f\n  members:\n  - context: c1 # x\n    labels: {a: b}\n\n# end",
		"{fleets: [{name: f}]}", "fleets:\n  - members:\n      - {name: x, context: c1}\n    name: f", "fleets:\n- {name: f, members: }\n...\n",
		"fleets:\n- name: f\n  members:\n  - context: >-\n      c1\n    x: |\n      y\n  - context: c3", "fleets:\r\n- name: f\r\n  members: []\r\n",
		"fleets: [{nAme: 0}]", "fleets:\n- name: f\n  meMbers:\n  - {conText: c1}\n", "fleets:\n-\n  name: f\n  members:\n  -\n    context: c1", "fleets:\n- name: f\n  members: [\n    {context: c1},\n    {context: c3}\n  ]\n",
	} {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		text = head + text
		path := write(t, text)
		before, _, err := inventory.ReadFleetFile(path)
		if err != nil || len(before.Fleets) == 0 {
			t.Skip()
		}
		fleet := &before.Fleets[0]
		joined := v1alpha1.Member{Name: "m-new", Context: "new", Server: "https://new", ClusterUID: "uid-new"}
		change, want := join(fleet.Name, nil, "new"), slices.Concat(fleet.Members, []v1alpha1.Member{joined})
		if len(fleet.Members) > 0 {
			first := fleet.Members[0]
			listed, _ := list(&v1alpha1.Fleet{Members: fleet.Members[:1]})
			switch which % 3 {
			case 1:
				change, want = unjoin(fleet.Name, listed[0].Name), fleet.Members[1:]
			case 2:
				first.Labels = map[string]string{"a": "c"}
				for key, value := range fleet.Members[0].Labels {
					if key != "a" {
						first.Labels[key] = value
					}
				}
				change, want = label(fleet.Name, listed[0].Name, "a=c"), append([]v1alpha1.Member{first}, fleet.Members[1:]...)
			}
		}
		if err := apply(t.Context(), path, change); err != nil {
			if got := read(t, path); got != text {
				t.Fatalf("failed with %v, and wrote\n%s", err, got)
			}
			return
		}
		after, _, err := inventory.ReadFleetFile(path)
		if err != nil {
			t.Fatalf("what it wrote cannot be read: %v\n%s", err, read(t, path))
		}
		if got := after.Fleets[0].Members; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("the members are %+v, want %+v", got, want)
		}
		var left, right map[string]any
		if yaml.Unmarshal([]byte(text), &left) != nil || yaml.Unmarshal([]byte(read(t, path)), &right) != nil {
			t.Fatal("not YAML")
		}
		for _, data := range []map[string]any{left, right} {
			fleets, _ := data["fleets"].([]any)
			first, _ := fleets[0].(map[string]any)
			delete(first, "members")
		}
		if !reflect.DeepEqual(left, right) {
			t.Errorf("more than the members changed:\n%s\nis now\n%s", text, read(t, path))
		}
	})
}
