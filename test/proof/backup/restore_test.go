package backup

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestRestoreKilledAtAnyWrite kills restore and drill at each of their writes, before the
// server hears of it and after it was done. The same command, again, does what is left: a
// restore is there once, and of a drill nothing is.
func TestRestoreKilledAtAnyWrite(t *testing.T) {
	l := newTills(t)
	for _, c := range clusters() {
		l.kubectl(t, c, "create", "namespace", "ware")
		l.kubectl(t, c, "-n", "ware", "create", "configmap", "prices", "--from-literal", "bread=3")
		t.Cleanup(func() { l.kubectl(t, c, "delete", "namespace", "ware", "--wait=false") })
	}
	if code, out, _ := l.Run(t, 0, false, l.env, "create", "ware", "-C", "c1,c2", "--include-namespaces", "ware", "--ttl", "1h", "--yes"); code != 0 {
		t.Fatalf("create: %d %s", code, out)
	}
	set := l.newest(t).Name
	for _, verb := range []string{"restore", "drill"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s-after-%t", verb, after), func(t *testing.T) {
				twice := map[int]bool{} // writes after which there were two Restores
				at := 1
				for l.again(t, set, verb, at, after, twice) {
					at++
				}
				// The last writes give the locks back: it was done before, and what is said once
				// more is done once more.
				done := at - len(clusters())
				if after {
					done--
				}
				for at := range twice {
					if at < done {
						t.Errorf("killed at %d of %d, and again: there are two Restores", at, done)
					}
				}
			})
		}
	}
}

// again kills a restore or a drill at a write, and says the same command again. It is
// false if there are not so many writes.
func (l *tills) again(t *testing.T, set, verb string, at int, after bool, twice map[int]bool) bool {
	t.Helper()
	into := fmt.Sprintf("%s-%s-%d-%t", set, verb, at, after)
	args := []string{verb, set, "--namespace-mappings", "ware:" + into, "--yes"}
	code, out, reached := l.Run(t, at, after, l.env, args...)
	if reached {
		code, out, _ = l.Run(t, 0, false, l.env, args...)
		t.Logf("%d: %d", at, code)
	} else {
		t.Logf("%d writes", at-1)
	}
	if code != 0 {
		t.Errorf("killed at %d, and again: %d %s", at, code, out)
	}
	if l.restores(t, verb, into) > 1 {
		twice[at] = true
	}
	return reached
}

// restores is how many Restores a cluster has of what was restored into a namespace, where
// it is; what was drilled is nowhere.
func (l *tills) restores(t *testing.T, verb, into string) (most int) {
	t.Helper()
	for _, c := range clusters() {
		restores := 0
		for line := range strings.Lines(l.ask(t, c, "-n", "velero", "get", "restores", "-o", `jsonpath={range .items[*]}{.spec.namespaceMapping}{"\n"}{end}`)) {
			if strings.Contains(line, `"`+into+`"`) {
				restores++
			}
		}
		bread := l.ask(t, c, "-n", into, "get", "configmap", "prices", "--ignore-not-found", "-o", "jsonpath={.data.bread}")
		namespace := l.ask(t, c, "get", "namespace", into, "--ignore-not-found", "-o", "name")
		if verb == "restore" && (restores == 0 || restores > 2 || bread != "3") {
			t.Errorf("%s in %s: %d Restores, bread is %q", into, c, restores, bread)
		}
		if verb == "drill" && (restores != 0 || namespace != "") {
			t.Errorf("%s in %s: %d Restores and %q are left", into, c, restores, namespace)
		}
		if verb == "restore" {
			l.kubectl(t, c, "delete", "namespace", into, "--wait=false")
		}
		most = max(most, restores)
	}
	return most
}

// ask returns what kubectl says.
func (l *tills) ask(t *testing.T, cluster string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), l.fleet.Binary(t, "kubectl"), append([]string{"--kubeconfig", l.fleet.Kubeconfig(), "--context", cluster}, args...)...).Output()
	if err != nil {
		t.Fatalf("kubectl %v: %v", args, err)
	}
	return string(out)
}
