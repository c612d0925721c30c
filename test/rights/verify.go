package rights

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// Verify runs a command in all cases, each as a user who may do what rbac prints and no
// more, and fails the test if that is too little, or if there is a rule that no case
// needs. unseen are rules, as in the table, that are needed only sometimes.
func (b *Bench) Verify(t *testing.T, command string, unseen string, cases ...Case) {
	t.Helper()
	sometimes, err := rights.Parse(unseen)
	if err != nil {
		t.Fatal(err)
	}
	var lacks []func()
	seen, maybe := needs{}, needs{}
	for _, r := range sometimes {
		maybe.addRule(r)
	}
	for _, c := range cases {
		user := b.user()
		if b.Update {
			b.bindAdmin(t, user)
		} else {
			var without func(*role)
			if c.Reads {
				without = reading
			}
			b.bind(t, user, b.roles(t, command, c), without)
		}
		one, exactly := needs{}, c
		exactly.Types = nil // by their names
		for _, asked := range b.do(t, user, c, command) {
			seen.add(b, asked, c)
			one.add(b, asked, exactly)
		}
		if (c.Lacking || c.InProof && OneByOne()) && !b.Update && !t.Failed() {
			if c.Narrow != nil {
				c.Types, c.Every = c.Narrow, nil
			}
			lacks = append(lacks, func() { b.lack(t, command, c, one, maybe) })
		}
	}
	for _, lack := range lacks { // after all: the cases may build on one another
		lack()
	}
	for _, r := range sometimes {
		seen.addRule(r)
	}
	got := seen.table(command)
	if len(got) == 0 {
		got = rights.Table{{Command: command, Scope: rights.ScopeNone}}
	}
	if b.Update {
		b.write(t, command, got)
		return
	}
	table := b.table(t)
	if want := table.For(command).Format(); want != got.Format() {
		t.Errorf("the table of rbac says\n%sand %s asked for\n%srun the test with -update, and look at what is different", want, command, got.Format())
	}
}

// table is what the file has.
func (b *Bench) table(t *testing.T) rights.Table {
	t.Helper()
	text, err := os.ReadFile(b.Table)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	table, err := rights.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// write puts the rules of a command into the file of the table.
func (b *Bench) write(t *testing.T, command string, rules rights.Table) {
	t.Helper()
	table := slices.DeleteFunc(b.table(t), func(r rights.Rule) bool { return r.Command == command })
	head := fmt.Sprintf("# What the commands of %s ask API servers for, as TestRights has recorded it; go test -update writes it (docs/rights.md).\n# COMMAND SCOPE VERBS RESOURCE [NAMES]\n", b.Plugin)
	if err := os.WriteFile(b.Table, []byte(head+append(table, rules...).Format()), 0o600); err != nil {
		t.Fatal(err)
	}
}
