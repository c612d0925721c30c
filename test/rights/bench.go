// Package rights finds out, and proves, what commands ask API servers for: a command is
// run as a user who has exactly the roles that rbac prints, and the audit logs of the
// servers say what it asked for. With update it is run as one who may do everything, and
// the table of rbac is written anew.
package rights

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// patience ends what hangs. It is no measure of speed.
const patience = 2 * time.Minute

// OneByOne is true in make proof, which tries what changes something without each of its
// rights.
func OneByOne() bool { return os.Getenv("KUBECTL_FLEET_RIGHTS_ONE_BY_ONE") != "" }

// Case is one run of a command.
type Case struct {
	Args []string
	// Code is the exit code of a run that has the rights.
	Code int
	// Types that the user names, as rbac's --for takes them.
	Types []string
	// Every are in the addresses of requests by which the command looks through all types.
	Every []string
	// Namespace that the user works in; empty: all.
	Namespace string
	// Whole is true for what is about all namespaces, and takes no -n.
	Whole bool
	// Before is done first, each time; nil: nothing.
	Before func(*testing.T)
	// Offline is true for what takes no --as, since it asks no cluster.
	Offline bool
	// Reads: the roles without what changes something are enough, but for questions that
	// are asked by making an object.
	Reads bool
	// Stop ends the command when it has printed this; empty: it ends by itself.
	Stop string
	// Lacking tries it also with each of the rights missing that it needs, and that it
	// then says so. What changes something has a Before, which undoes that.
	Lacking bool
	// InProof is Lacking where that takes minutes: make proof alone does it.
	InProof bool
	// Untouched: without one of the rights nothing is changed.
	Untouched bool
	// Narrow are the types that the user names while a right is missing, of a case that
	// looks through all types: who may read all lacks none to read.
	Narrow []string
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

// user is a name that nobody had before.
func (*Bench) user() string { return "rights-" + strings.ToLower(rand.Text()[:10]) }
