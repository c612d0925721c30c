package fleet_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// kubelet is a node whose pods run commands on this machine. KWOK's run them,
// too, but lose their exit codes and the end of their input; this one serves
// them with the code that container runtimes serve them with.
type kubelet struct {
	node string
	port int32
}

// startKubelet adds such a node to a cluster until the test ends.
func startKubelet(t *testing.T, p *plugin, cluster string) *kubelet {
	t.Helper()
	pki := filepath.Join(p.fleet.Dir(), cluster, "pki")
	certificate, err := tls.LoadX509KeyPair(filepath.Join(pki, "kubelet.crt"), filepath.Join(pki, "kubelet.key"))
	if err != nil {
		t.Fatal(err)
	}
	k := &kubelet{node: "kubelet-of-test"}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.exec)
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	k.port = int32(server.Listener.Addr().(*net.TCPAddr).Port) //nolint:gosec // ports fit
	k.register(t, p, cluster)
	return k
}

func (k *kubelet) register(t *testing.T, p *plugin, cluster string) {
	t.Helper()
	nodes := p.client(t, cluster).CoreV1().Nodes()
	_, err := nodes.Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: k.node},
		Spec:       corev1.NodeSpec{Unschedulable: true}, // for pods that name it
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Delete(context.WithoutCancel(t.Context()), k.node, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	k.claim(t, p, cluster)
}

// claim gives the node its address. KWOK makes every node its own, and leaves
// alone one that is Ready; but what it had begun before it saw that, it ends.
func (k *kubelet) claim(t *testing.T, p *plugin, cluster string) {
	t.Helper()
	nodes := p.client(t, cluster).CoreV1().Nodes()
	eventually(t, "the node's address", func() error {
		latest, err := nodes.Get(t.Context(), k.node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		ready := slices.ContainsFunc(latest.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if !ready {
			return errors.New("KWOK has not seen the node yet")
		}
		latest.Status.DaemonEndpoints.KubeletEndpoint.Port = k.port
		_, err = nodes.UpdateStatus(t.Context(), latest, metav1.UpdateOptions{})
		return err
	})
}

// pod starts a pod on the node and waits until it runs.
func (k *kubelet) pod(t *testing.T, p *plugin, cluster, namespace, name string) {
	t.Helper()
	pods := p.client(t, cluster).CoreV1().Pods(namespace)
	_, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{NodeName: k.node, Containers: []corev1.Container{{Name: "main", Image: "test"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before its node goes, which alone could end it
		if err := pods.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil {
			t.Error(err)
		}
	})
	p.running(t, cluster, namespace, name)
	k.claim(t, p, cluster)
}

func (*kubelet) exec(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	options := &remotecommand.Options{
		Stdin: query.Get("input") == "1", Stdout: query.Get("output") == "1", Stderr: query.Get("error") == "1", TTY: query.Get("tty") == "1",
	}
	remotecommand.ServeExec(w, r, onThisMachine{}, r.PathValue("pod"), "", r.PathValue("container"), query["command"], options,
		patience, patience, []string{remotecommand.StreamProtocolV4Name})
}

// onThisMachine runs what a container would.
type onThisMachine struct{}

func (onThisMachine) ExecInContainer(ctx context.Context, _, _, _ string, command []string, in io.Reader, out, errOut io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the test's own commands
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errOut
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ended, is := err.(*exec.ExitError); is { //nolint:errorlint // Run says it is
			return utilexec.CodeExitError{Err: err, Code: ended.ExitCode()}
		}
		return err
	}
	return nil
}
