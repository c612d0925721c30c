package fleet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podLogs is the file that all pods of a cluster of the testbed show as theirs.
type podLogs struct{ path string }

func (p *plugin) podLogs(t *testing.T, cluster string) podLogs {
	t.Helper()
	file := podLogs{filepath.Join(p.fleet.Dir(), cluster, "pods.log")}
	before, err := os.ReadFile(file.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file.path, before, 0o600); err != nil {
			t.Error(err)
		}
	})
	return file
}

// say adds a line, as a container runtime writes it.
func (l podLogs) say(t *testing.T, text string) {
	t.Helper()
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := fmt.Fprintf(file, "%s stdout F %s\n", time.Now().UTC().Format(time.RFC3339Nano), text); err != nil {
		t.Fatal(err)
	}
}

// Logs that are followed through real API servers come from all clusters at
// once, outlive the death of one, and miss and repeat nothing.
func TestFollowLogsOutlivesACluster(t *testing.T) {
	p := newPlugin(t)
	names := p.fleet.Clusters()
	live, dying := names[0], names[len(names)-1]
	p.namespace(t, "logs", 0)
	logs := map[string]podLogs{}
	for _, cluster := range []string{live, dying} {
		logs[cluster] = p.podLogs(t, cluster)
		pods := p.client(t, cluster).CoreV1().Pods("logs")
		_, err := pods.Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "talk"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "test"}}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p.running(t, cluster, "logs", "talk")
	}

	f := p.follow(t, "logs", "-f", "talk", "-n", "logs", "-C", live+","+dying, "--cluster-timeout", "3s")
	f.sees(t, "["+live+"/talk]", "listening on :8080")
	f.sees(t, "["+dying+"/talk]", "listening on :8080")
	logs[dying].say(t, "before it dies")
	f.sees(t, "["+dying+"/talk]", "before it dies")
	t.Run("killed", func(t *testing.T) {
		p.fleet.Kill(t, dying) // mended when this subtest ends
		f.sees(t, "note: "+dying+": lost")
		logs[dying].say(t, "while it is dead")
		logs[live].say(t, "meanwhile elsewhere")
		f.sees(t, "["+live+"/talk]", "meanwhile elsewhere")
	})
	f.sees(t, "note: "+dying+": back")
	f.sees(t, "["+dying+"/talk]", "while it is dead")
	logs[dying].say(t, "after it came back")
	f.sees(t, "["+dying+"/talk]", "after it came back")

	count := map[string]int{}
	for _, line := range f.all {
		if strings.HasPrefix(line, "[") {
			count[line]++
		}
	}
	for line, n := range count {
		if n != 1 {
			t.Errorf("%d times: %s", n, line)
		}
	}
}
