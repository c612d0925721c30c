package testfleet_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { testfleet.Main(m) }

func TestShared(t *testing.T) {
	f := testfleet.Shared(t)
	if got := f.Clusters(); !slices.Contains(got, "c3") {
		t.Fatalf("clusters %v, want c3 among them", got)
	}
	if again := testfleet.Shared(t); again.Dir() != f.Dir() {
		t.Errorf("a second fleet in %s beside %s", again.Dir(), f.Dir())
	}
	for _, name := range f.Clusters() {
		out, err := exec.CommandContext(t.Context(), f.Binary(t, "kubectl"), "--kubeconfig", f.Kubeconfig(), "--context", name, "get", "nodes", "-o", "name").CombinedOutput()
		if err != nil || !strings.Contains(string(out), name+"-node-1") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// reach asks a cluster for its namespaces within a second.
func reach(t *testing.T, f *testfleet.Fleet, cluster string) error {
	t.Helper()
	client, err := kubernetes.NewForConfig(f.RESTConfig(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	return err
}

// What a test breaks is whole again for the next one.
func TestFaultsEndWithTheTest(t *testing.T) {
	f := testfleet.Shared(t)
	t.Run("hang", func(t *testing.T) {
		f.Hang(t, "c3")
		if err := reach(t, f, "c3"); !errors.Is(err, context.DeadlineExceeded) && !os.IsTimeout(err) {
			t.Errorf("a hung cluster: %v, want a timeout", err)
		}
	})
	if err := reach(t, f, "c3"); err != nil {
		t.Errorf("after the test that hung it: %v", err)
	}
	t.Run("kill", func(t *testing.T) {
		f.Kill(t, "c2")
		if err := reach(t, f, "c2"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a killed cluster: %v, want connection refused", err)
		}
	})
	if err := reach(t, f, "c2"); err != nil {
		t.Errorf("after the test that killed it: %v", err)
	}
}
