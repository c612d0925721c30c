package fleetbackup_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

// What schedule export prints runs: a Job of that CronJob makes the set that is due, and
// then none, as ServiceAccounts of the members with what rbac prints and nothing more.
func TestCronJob(t *testing.T) {
	const name, tools = "cronned", "cronned-tools"
	dir, members := t.TempDir(), []string{"c1", "c2"}
	policy := filepath.Join(dir, "policy.yaml")
	text := `apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: ` + name + `}
spec:
  members: [{cluster: c1}, {cluster: c2}]
  velero: {template: {includedNamespaces: [` + name + `], ttl: 1h}}
  cron: 0 0 1 1 *
  retention: 1
  quiesce:
  - actions:
`
	for _, c := range members {
		shop(t, c, name)
		create(t, objects(t, c, "apps", "v1", "deployments", name), till())
		rolledOut(t, c, name)
		text += fmt.Sprintf("    - {clusters: [%s], exec: {namespace: %s, selector: app=till, freeze: [touch, %[3]s], release: [rm, -f, %[3]s], probe: [test, -e, %[3]s]}}\n",
			c, name, filepath.Join(dir, "held-"+c))
	}
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	// The cluster of the operators' tools, and what export says that it needs.
	kubectl(t, "c2", "", "create", "namespace", tools)
	t.Cleanup(func() { kubectl(t, "c2", "", "delete", "namespace", tools, "--wait=false") })
	kubectl(t, "c2", plugin(t, cli.ExitOK, "schedule", "export", "-f", policy, "--as", "cronjob", "--image", "registry.example/fleetbackup:1", "-n", tools), "apply", "-f", "-")
	config := filepath.Join(dir, "config")
	if err := clientcmd.WriteToFile(*leastOf(t, name, members), config); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "c2", "", "-n", tools, "create", "secret", "generic", "fleetbackup-"+name, "--from-file=config="+config)

	job := func(called string) (code int, said string) {
		t.Helper()
		kubectl(t, "c2", "", "-n", tools, "create", "job", called, "--from=cronjob/fleetbackup-"+name)
		return runPod(t, podOf(t, "c2", tools, called))
	}
	code, said := job("first")
	set := nameOf(t, name, said)
	if code != 0 || !strings.Contains(said, "Quiesced   2/2") {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if code, said = job("second"); code != 0 || !strings.Contains(said, "note: "+name+" is due at ") {
		t.Errorf("exit code %d: %s", code, said)
	}
	forget(t, set, members...)
}

// leastOf is a kubeconfig of ServiceAccounts, one in each member, that may do what rbac
// prints for a schedule of an application in a namespace.
func leastOf(t *testing.T, namespace string, members []string) *clientcmdapi.Config {
	t.Helper()
	roles, _, _ := strings.Cut(plugin(t, cli.ExitOK, "rbac", "schedule", "-n", namespace), "\nnote: ")
	config := clientcmdapi.NewConfig()
	for _, c := range members {
		kubectl(t, c, roles, "apply", "-f", "-")
		who := namespace + ":" + namespace // of the application's namespace: it goes with it
		kubectl(t, c, "", "-n", namespace, "create", "serviceaccount", namespace)
		for _, in := range []string{namespace, "velero", "kubectl-fleet"} {
			kubectl(t, c, "", "-n", in, "create", "rolebinding", namespace, "--role=kubectl-fleetbackup:schedule", "--serviceaccount="+who)
			t.Cleanup(func() { kubectl(t, c, "", "-n", in, "delete", "rolebinding", namespace) })
		}
		kubectl(t, c, "", "create", "clusterrolebinding", namespace, "--clusterrole=kubectl-fleetbackup:schedule", "--serviceaccount="+who)
		t.Cleanup(func() { kubectl(t, c, "", "delete", "clusterrolebinding", namespace) })
		server := bed(t).RESTConfig(t, c)
		config.Clusters[c] = &clientcmdapi.Cluster{Server: server.Host, CertificateAuthorityData: server.CAData}
		config.AuthInfos[c] = &clientcmdapi.AuthInfo{Token: strings.TrimSpace(kubectl(t, c, "", "-n", namespace, "create", "token", namespace))}
		config.Contexts[c] = &clientcmdapi.Context{Cluster: c, AuthInfo: c}
	}
	return config
}

// podOf is the pod that a cluster makes for a Job.
func podOf(t *testing.T, cluster, namespace, job string) *corev1.Pod {
	t.Helper()
	client := kubernetes.NewForConfigOrDie(bed(t).RESTConfig(t, cluster))
	var pod *corev1.Pod
	eventually(t, func() error {
		pods, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job})
		if err == nil && len(pods.Items) == 0 {
			return fmt.Errorf("job %s has no pod", job)
		}
		if err == nil {
			pod = &pods.Items[0]
		}
		return err
	})
	return pod
}

// runPod runs the only container of a pod as a kubelet would, as far as a process can be
// like one: with its command, its environment and its volumes, and nowhere to write.
func runPod(t *testing.T, pod *corev1.Pod) (code int, said string) {
	t.Helper()
	root := t.TempDir()
	client := kubernetes.NewForConfigOrDie(bed(t).RESTConfig(t, "c2")).CoreV1()
	volumes := map[string]map[string][]byte{}
	for _, v := range pod.Spec.Volumes {
		files := map[string][]byte{}
		switch {
		case v.ConfigMap != nil:
			from, err := client.ConfigMaps(pod.Namespace).Get(t.Context(), v.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for key, text := range from.Data {
				files[key] = []byte(text)
			}
		case v.Secret != nil:
			from, err := client.Secrets(pod.Namespace).Get(t.Context(), v.Secret.SecretName, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			files = from.Data
		default:
			t.Fatalf("volume %s is of a kind that was not thought of", v.Name)
		}
		volumes[v.Name] = files
	}
	c := pod.Spec.Containers[0]
	inRoot := []string{}
	for _, m := range c.VolumeMounts {
		at := filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range volumes[m.Name] {
			if err := os.WriteFile(filepath.Join(at, file), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		inRoot = append(inRoot, m.MountPath+"/", at+"/")
	}
	paths := strings.NewReplacer(inRoot...)
	env := []string{"HOME=/proc/nowhere", "TMPDIR=/proc/nowhere", "KUBECACHEDIR="}
	for _, e := range c.Env {
		env = append(env, e.Name+"="+paths.Replace(e.Value))
	}
	words := slices.Concat(c.Command, c.Args)
	for i := range words {
		words[i] = paths.Replace(words[i])
	}
	if words[0] != "kubectl-fleetbackup" {
		t.Fatalf("its program is %s", words[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := killer.Command(ctx, t, env, words[1:]...)
	out, _ := cmd.CombinedOutput() // its exit code says it
	return cmd.ProcessState.ExitCode(), string(out)
}

// kubectl runs kubectl in a cluster, with a text on its stdin, and returns its stdout.
func kubectl(t *testing.T, cluster, in string, args ...string) string {
	t.Helper()
	args = append([]string{"--kubeconfig", bed(t).Kubeconfig(), "--context", cluster}, args...)
	cmd := exec.Command(bed(t).Binary(t, "kubectl"), args...) //nolint:noctx // cleaning up is done with it, too
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if failed, is := err.(*exec.ExitError); is { //nolint:errorlint // it is its own
		t.Fatalf("kubectl %v: %v: %s", args, err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
