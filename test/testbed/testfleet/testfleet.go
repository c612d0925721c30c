// Package testfleet gives tests a fleet of real clusters.
//
// A package whose tests use it says in its TestMain
//
//	func TestMain(m *testing.M) { testfleet.Main(m) }
//
// and each test then asks for what all of them share:
//
//	f := testfleet.Shared(t)
//	f.Hang(t, "c3") // undone when the test ends
//
// With the folder of a bed in KUBECTL_FLEET_TESTBED that bed is used, and left as it was; else the first test starts one of three
// clusters, and Main takes it down. A test that cannot have a fleet fails.
package testfleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

const (
	// Env names the environment variable with the folder of a bed to use.
	Env = "KUBECTL_FLEET_TESTBED"
	// folders of beds that belong to a test run.
	folders = "kubectl-fleet-testfleet-"

	defaultClusters = 3
	defaultNodes    = 4
	// startTimeout also covers building the programs once.
	startTimeout = 20 * time.Minute
	faultTimeout = 3 * time.Minute
)

// Fleet is a fleet of clusters that are ready.
type Fleet struct{ bed *bed.Bed }

// shared is the fleet of this test process.
//
//nolint:gochecknoglobals // tests are functions that share nothing but a package's variables
var shared struct {
	sync.Mutex
	managed bool // Main or Wrap will take it down
	started bool
	bed     *bed.Bed
	err     error
	// with are the fleets with add-ons, by the names of those; ours are the folders of those that were started here.
	with map[string]*bed.Bed
	ours []string
}

// Main runs the tests, takes the shared fleet down if they started one, and exits.
func Main(m *testing.M) { os.Exit(Wrap(m).Run()) }

// Runner is what runs tests: *testing.M, and what other packages wrap around it.
type Runner interface{ Run() int }

// Wrap is Main for a package whose TestMain hands its tests to something else, as in testscript.Main(testfleet.Wrap(m), commands).
func Wrap(m Runner) Runner { return runner{m} }

type runner struct{ Runner }

// Run runs the tests and takes the shared fleet down.
func (r runner) Run() int {
	shared.Lock()
	shared.managed = true
	shared.Unlock()
	code := r.Runner.Run()

	shared.Lock()
	defer shared.Unlock()
	if shared.bed != nil && os.Getenv(Env) == "" {
		shared.ours = append(shared.ours, shared.bed.Dir)
	}
	for _, dir := range shared.ours {
		if err := bed.Down(context.Background(), dir, toStderr); err != nil {
			fmt.Fprintln(os.Stderr, "testfleet:", err)
			code = max(code, 1)
		}
	}
	return code
}

// Shared returns the fleet that all tests of the process share, with clusters c1, c2 and c3 at least.
func Shared(tb testing.TB) *Fleet {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.managed {
		tb.Fatal("testfleet: add to the package: func TestMain(m *testing.M) { testfleet.Main(m) }")
	}
	if !shared.started {
		shared.started = true
		shared.bed, shared.err = get(tb)
	}
	if shared.err != nil {
		tb.Fatalf("testfleet: %v", shared.err)
	}
	return &Fleet{shared.bed}
}

func get(tb testing.TB) (*bed.Bed, error) {
	tb.Helper()
	if dir := os.Getenv(Env); dir != "" {
		return existing(dir)
	}
	dir, err := os.MkdirTemp("", folders) //nolint:usetesting // the fleet outlives this test
	if err != nil {
		return nil, err
	}
	return up(tb, bed.Options{Dir: dir})
}

// New starts a fleet for one test alone and takes it down when the test ends. Dir, Root, Owner and Log are filled in, and so are
// numbers that are zero.
func New(tb testing.TB, o bed.Options) *Fleet {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	dir, err := os.MkdirTemp("", folders) //nolint:usetesting // a later run looks for it there when this one is killed
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	o.Dir = dir
	b, err := up(tb, o)
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	tb.Cleanup(func() {
		if err := bed.Down(ctx, dir, tb.Logf); err != nil {
			tb.Errorf("testfleet: %v", err)
		}
	})
	return &Fleet{b}
}

// With returns a fleet that has add-ons: the one that KUBECTL_FLEET_TESTBED names if it has them, else one for this test alone, of two
// clusters.
func With(tb testing.TB, addons ...addon.Addon) *Fleet {
	tb.Helper()
	if b := having(tb, addons); b != nil {
		return &Fleet{b}
	}
	return New(tb, bed.Options{Clusters: 2, Addons: addons})
}

// SharedWith returns a fleet that has add-ons, and that all tests of the process share: the one that KUBECTL_FLEET_TESTBED names if it
// has them, else one of two clusters that Main takes down.
func SharedWith(tb testing.TB, addons ...addon.Addon) *Fleet {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.managed {
		tb.Fatal("testfleet: add to the package: func TestMain(m *testing.M) { testfleet.Main(m) }")
	}
	list := make([]string, len(addons))
	for i, a := range addons {
		list[i] = a.Name()
	}
	names := strings.Join(list, ",")
	if b := shared.with[names]; b != nil {
		return &Fleet{b}
	}
	b := having(tb, addons)
	if b == nil {
		dir, err := os.MkdirTemp("", folders) //nolint:usetesting // the fleet outlives this test
		if err != nil {
			tb.Fatalf("testfleet: %v", err)
		}
		if b, err = up(tb, bed.Options{Dir: dir, Clusters: 2, Addons: addons}); err != nil {
			tb.Fatalf("testfleet: %v", err)
		}
		shared.ours = append(shared.ours, dir)
	}
	if shared.with == nil {
		shared.with = map[string]*bed.Bed{}
	}
	shared.with[names] = b
	return &Fleet{b}
}

// having is the bed that KUBECTL_FLEET_TESTBED names, if it has add-ons; else nil.
func having(tb testing.TB, addons []addon.Addon) *bed.Bed {
	tb.Helper()
	dir := os.Getenv(Env)
	if dir == "" {
		return nil
	}
	b, err := existing(dir)
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	if slices.ContainsFunc(addons, func(a addon.Addon) bool { return !b.Has(a.Name()) }) {
		return nil
	}
	return b
}

func up(tb testing.TB, o bed.Options) (*bed.Bed, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), startTimeout)
	defer cancel()
	left := filepath.Join(os.TempDir(), folders+"*") //nolint:usetesting // what earlier runs left
	if err := bed.Reap(ctx, left, toStderr); err != nil {
		return nil, err
	}
	root, err := stack.FindRoot(".")
	if err != nil {
		return nil, err
	}
	self, err := process.Of(os.Getpid())
	if err != nil {
		return nil, err
	}
	o.Root, o.Owner, o.Log = root, &self, toStderr
	if o.Clusters == 0 {
		o.Clusters = defaultClusters
	}
	if o.Nodes == 0 {
		o.Nodes = defaultNodes
	}
	b, _, err := bed.Up(ctx, o)
	return b, err
}

// existing opens a bed that somebody else started, and refuses one that is not whole.
func existing(dir string) (*bed.Bed, error) {
	b, err := bed.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Env, err)
	}
	list, err := b.Status()
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.State != bed.StateRunning {
			return nil, fmt.Errorf("%s: cluster %s is %s: mend it with testbed resume or testbed start", Env, s.Cluster, s.State)
		}
	}
	return b, nil
}

// toStderr shows at once what takes minutes the first time; a test's own log is only shown at its end.
func toStderr(format string, args ...any) { fmt.Fprintf(os.Stderr, "testfleet: "+format+"\n", args...) }

// Dir is the bed's folder.
func (f *Fleet) Dir() string { return f.bed.Dir }

// Kubeconfig is a file with a context for each cluster, named as the cluster. Tests must not write to it.
func (f *Fleet) Kubeconfig() string { return f.bed.Kubeconfig() }

// Clusters are the names of the clusters, which are also their contexts: c1, c2, ...
func (f *Fleet) Clusters() []string {
	var names []string
	for _, c := range f.bed.Clusters() {
		names = append(names, c.Name)
	}
	return names
}

// Binary is the path of a program that the bed was built with: kubectl, etcd, kwok.
func (f *Fleet) Binary(tb testing.TB, name string) string {
	tb.Helper()
	path, err := f.bed.Program(name)
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	return path
}

// Hub is a kubeconfig for the control plane that an add-on brought (karmada), whose only context has the same name.
func (f *Fleet) Hub(tb testing.TB, name string) string {
	tb.Helper()
	c, err := f.bed.Cluster(name)
	if err != nil {
		tb.Fatalf("testfleet: %v; a bed with it is started by testbed up --with %s", err, name)
	}
	return c.Kubeconfig()
}

// Audited is a kubeconfig for a cluster, or a hub, as an administrator whose every request the API server notes, and the file in which it
// does: an event of audit.k8s.io/v1 a line, that it came and how it ended, without bodies. For whom it speaks (--as) is there, too.
func (f *Fleet) Audited(tb testing.TB, cluster string) (kubeconfig, log string) {
	tb.Helper()
	c, err := f.bed.Cluster(cluster)
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	return c.AuditedKubeconfig(), c.AuditLog()
}

// RESTConfig is the way into one cluster as its administrator, without client-side rate limits.
func (f *Fleet) RESTConfig(tb testing.TB, cluster string) *rest.Config {
	tb.Helper()
	c, err := f.bed.Cluster(cluster)
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	config, err := c.RESTConfig()
	if err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
	return config
}

// Hang makes a cluster accept connections and never answer, until the test ends.
func (f *Fleet) Hang(tb testing.TB, cluster string) {
	tb.Helper()
	fault(tb, cluster, f.bed.Hang, f.bed.Resume)
}

// Kill makes a cluster refuse connections, until the test ends. Its data are kept.
func (f *Fleet) Kill(tb testing.TB, cluster string) {
	tb.Helper()
	fault(tb, cluster, f.bed.Kill, f.bed.Start)
}

func fault(tb testing.TB, cluster string, do, undo func(context.Context, string) error) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, faultTimeout)
		defer cancel()
		if err := undo(ctx, cluster); err != nil {
			tb.Errorf("testfleet: the fleet stays broken: %v", err)
		}
	})
	if err := do(ctx, cluster); err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
}

// Resume undoes Hang before the test ends.
func (f *Fleet) Resume(tb testing.TB, name string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), faultTimeout)
	defer cancel()
	if err := f.bed.Resume(ctx, name); err != nil {
		tb.Fatalf("testfleet: %v", err)
	}
}

// KillProgram kills a program beside a cluster, such as an add-on's, until the test ends.
func (f *Fleet) KillProgram(tb testing.TB, cluster, program string) {
	tb.Helper()
	kill := func(ctx context.Context, name string) error {
		c, err := f.bed.Cluster(name)
		if err != nil {
			return err
		}
		units, err := c.Units()
		if err != nil {
			return err
		}
		return units[program].Kill(ctx)
	}
	fault(tb, cluster, kill, f.bed.Start)
}
