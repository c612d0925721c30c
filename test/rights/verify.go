// Package rights finds out, and proves, what commands ask API servers for: a command is
// run as a user who has exactly the roles that rbac prints, and the audit logs of the
// servers say what it asked for. With update it is run as one who may do everything, and
// the table of rbac is written anew.
package rights

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// patience ends what hangs. It is no measure of speed.
const patience = 2 * time.Minute

// Case is one run of a command.
type Case struct {
	Args []string
	// Code is the exit code of a run that has the rights.
	Code int
	// Types that the user names, as rbac's --for takes them.
	Types []string
	// Namespace that the user works in; empty: all.
	Namespace string
	// Whole is true for what is about all namespaces, and takes no -n.
	Whole bool
	// Before is done first; nil: nothing.
	Before func()
	// Offline is true for what takes no --as, since it asks no cluster.
	Offline bool
	// Stop ends the command when it has printed this; empty: it ends by itself.
	Stop string
	// Lacking tries it also with each of the rights missing that it needs, and that it
	// then says so; not for what changes something.
	Lacking bool
	// Tolerates is what it says where it goes on without a right, by "VERB RESOURCE".
	Tolerates map[string]string
}

// Bench runs the commands of a plugin.
type Bench struct {
	Fleet *testfleet.Fleet
	// Plugin is its name, such as kubectl-fleet.
	Plugin string
	// Env makes this test's binary the plugin, and comes after what the bench sets.
	Env []string
	// Clusters that the commands work on.
	Clusters []string
	// State remembers runs, Velero is Velero's namespace.
	State, Velero string
	// Table is the file of the plugin's table; Update writes it anew.
	Table  string
	Update bool

	kubeconfig string
	types      map[string]map[string]bool
}

// NewBench completes a bench: its kubeconfig, and the namespace that remembers runs.
func NewBench(t *testing.T, b Bench) *Bench {
	t.Helper()
	config := clientcmdapi.NewConfig()
	b.types = map[string]map[string]bool{}
	for _, c := range b.Clusters {
		file, _ := b.Fleet.Audited(t, c)
		one, err := clientcmd.LoadFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, cluster := range one.Clusters {
			config.Clusters[name], config.Contexts[name] = cluster, one.Contexts[name]
			config.AuthInfos[one.Contexts[name].AuthInfo] = one.AuthInfos[one.Contexts[name].AuthInfo]
		}
		b.types[c] = namespacedOf(t, b.client(t, c))
	}
	b.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, b.kubeconfig); err != nil {
		t.Fatal(err)
	}
	if b.State != "" {
		for _, c := range b.Clusters {
			b.namespace(t, c, b.State)
		}
	}
	return &b
}

func (b *Bench) client(tb testing.TB, cluster string) *kubernetes.Clientset {
	tb.Helper()
	client, err := kubernetes.NewForConfig(b.Fleet.RESTConfig(tb, cluster))
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// Verify runs a command in all cases, each as a user who may do what rbac prints and no
// more, and fails the test if that is too little, or if there is a rule that no case
// needs. unseen are rules, as in the table, that are needed only sometimes.
func (b *Bench) Verify(t *testing.T, command string, unseen string, cases ...Case) {
	t.Helper()
	sometimes, err := rights.Parse(unseen)
	if err != nil {
		t.Fatal(err)
	}
	seen := needs{}
	for _, c := range cases {
		user := b.user()
		if b.Update {
			b.bindAdmin(t, user)
		} else {
			b.bind(t, user, b.roles(t, command, c), nil)
		}
		one := needs{}
		for _, asked := range b.do(t, user, c, command) {
			seen.add(b, asked, c)
			one.add(b, asked, c)
		}
		if c.Lacking && !b.Update && !t.Failed() {
			b.lack(t, command, c, one)
		}
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
	table, err := rights.Of(b.Plugin)
	if err != nil {
		t.Fatal(err)
	}
	if want := table.For(command).Format(); want != got.Format() {
		t.Errorf("the table of rbac says\n%sand %s asked for\n%srun the test with -update, and look at what is different", want, command, got.Format())
	}
}

// user is a name that nobody had before.
func (*Bench) user() string { return "rights-" + strings.ToLower(rand.Text()[:10]) }

// asked is a request in a cluster.
type asked struct {
	event

	cluster string
}

// do runs a case as a user, and returns what it asked for. Nothing of it may have been
// forbidden.
func (b *Bench) do(t *testing.T, user string, c Case, command string) []asked {
	t.Helper()
	if c.Before != nil {
		c.Before()
	}
	tails := map[string]tail{}
	for _, cluster := range b.Clusters {
		_, log := b.Fleet.Audited(t, cluster)
		tails[cluster] = tailOf(t, log)
	}
	args := as(user, c.Args)
	mine := func(e event) bool { return e.ImpersonatedUser.Username == user }
	if c.Offline {
		args, mine = c.Args, func(e event) bool { return strings.HasPrefix(e.command(), command) }
	}
	code, out := b.run(t, c.Stop, args...)
	if code != c.Code {
		t.Errorf("%q: exit code %d, want %d\n%s", c.Args, code, c.Code, out)
	}
	var all []asked
	for cluster, tail := range tails {
		for _, e := range tail.of(t, mine) {
			if e.ResponseStatus.Code == 403 {
				t.Errorf("%q: forbidden in %s: %s", c.Args, cluster, e.ResponseStatus.Message)
			}
			if verb, _, _ := strings.Cut(e.command(), " "); verb != command || !strings.HasPrefix(e.UserAgent, b.Plugin+"/") {
				t.Errorf("%q: the audit log of %s has the user agent %q", c.Args, cluster, e.UserAgent)
			}
			all = append(all, asked{e, cluster})
		}
	}
	return all
}

// as are the arguments of a command that is run for a user.
func as(user string, args []string) []string {
	return slices.Concat(args[:1], []string{"--as", user}, args[1:])
}

// run runs the plugin; when says by which word on stdout it is to be interrupted.
func (b *Bench) run(t *testing.T, when string, args ...string) (code int, output string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = slices.Concat(os.Environ(), []string{
		"HOME=" + home, "KUBECONFIG=" + b.kubeconfig, "KUBECACHEDIR=" + filepath.Join(home, "cache"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=",
	}, b.Env)
	out := &said{}
	if when != "" {
		out.when, out.then = when, func() { _ = cmd.Process.Signal(os.Interrupt) }
	}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// said is what a command has said. The two streams are one writer, which os/exec does
// not call from two goroutines at once.
type said struct {
	text bytes.Buffer

	when string
	then func()
}

func (s *said) String() string { return s.text.String() }

func (s *said) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if s.then != nil && strings.Contains(s.String(), s.when) {
		s.then()
		s.then = nil
	}
	return n, err
}

// write puts the rules of a command into the file of the table.
func (b *Bench) write(t *testing.T, command string, rules rights.Table) {
	t.Helper()
	text, err := os.ReadFile(b.Table)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	table, err := rights.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	table = slices.DeleteFunc(table, func(r rights.Rule) bool { return r.Command == command })
	head := fmt.Sprintf("# What the commands of %s ask API servers for, as TestRights has recorded it; go test -update writes it (docs/rights.md).\n# COMMAND SCOPE VERBS RESOURCE [NAMES]\n", b.Plugin)
	if err := os.WriteFile(b.Table, []byte(head+append(table, rules...).Format()), 0o600); err != nil {
		t.Fatal(err)
	}
}
