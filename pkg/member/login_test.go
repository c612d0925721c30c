package member_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

func TestLoginIsNotCounted(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		say(200, `{"gitVersion":"v1.36.3"}`)(w, r)
	})
	m := dial(t, withPlugin(t, s.cluster(), "sleep 1\n"+goodLogin), member.Options{Timeout: short})
	info, err := m.Version(t.Context())
	if err != nil || info.GitVersion != "v1.36.3" {
		t.Errorf("%v, %v: a login of a second against a cluster timeout of %s", info, err, short)
	}
}

func TestLoginFailures(t *testing.T) {
	s := serve(t, say(200, "{}"))
	for what, script := range map[string]string{
		"fails":          "echo who are you >&2; exit 3\n",
		"prints garbage": "echo hello\n",
		"hangs":          "exec sleep 30 2>/dev/null\n",
	} {
		c := withPlugin(t, s.cluster(), script)
		m := dial(t, c, member.Options{LoginTimeout: 5 * time.Second})
		if what == "hangs" {
			m = dial(t, c, member.Options{LoginTimeout: short})
		}
		_, err := m.Version(t.Context())
		if got := member.ReasonOf(err); got != member.ReasonLoginFailed {
			t.Errorf("%s: %s (%v), want %s", what, got, err, member.ReasonLoginFailed)
			continue
		}
		if plugin := c.Access.(access).config.ExecProvider.Command; !strings.Contains(err.Error(), plugin) {
			t.Errorf("%s: %q does not name the plugin", what, err)
		}
	}
	missing := withPlugin(t, s.cluster(), "")
	missing.Access.(access).config.ExecProvider.Command = "no-such-plugin-anywhere"
	_, err := dial(t, missing, member.Options{}).Version(t.Context())
	if got := member.ReasonOf(err); got != member.ReasonLoginFailed || !strings.Contains(err.Error(), "no-such-plugin-anywhere") {
		t.Errorf("missing: %s (%v)", got, err)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests without credentials", n)
	}
}

// client-go's plugins are deaf to the request's context; Ctrl-C must not wait.
func TestAHangingLoginCanBeCancelled(t *testing.T) {
	s := serve(t, say(200, "{}"))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(short, cancel)
	_, err := dial(t, withPlugin(t, s.cluster(), "exec sleep 30 2>/dev/null\n"), member.Options{}).Version(ctx)
	if got := member.ReasonOf(err); got != member.ReasonCanceled {
		t.Errorf("%s (%v), want %s", got, err, member.ReasonCanceled)
	}
}

// Six clusters with one broken login: one run of the plugin, six failures.
func TestAFailedLoginIsNotRepeated(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	s := serve(t, say(200, `{"gitVersion":"v1.36.3"}`))
	c := withPlugin(t, s.cluster(), "echo run >>"+runs+"; exit 1\n")
	pool := member.NewPool(member.Options{})
	var asked sync.WaitGroup
	for i := range 6 {
		c := c
		c.Name = fmt.Sprintf("c%d", i)
		asked.Go(func() {
			m, err := pool.Member(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := m.Version(t.Context()); member.ReasonOf(err) != member.ReasonLoginFailed {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	}
	asked.Wait()
	text, err := os.ReadFile(runs)
	if err != nil || strings.Count(string(text), "run") != 1 {
		t.Errorf("the plugin ran: %q, %v", text, err)
	}
}

// A 401 is the server's last word: client-go would run the plugin again, inside
// the request, and a person would have to log in once more for nothing.
func TestA401DoesNotLogInAgain(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	s := serve(t, say(401, status, "Unauthorized", 401))
	m := dial(t, withPlugin(t, s.cluster(), "echo run >>"+runs+"\n"+goodLogin), member.Options{})
	for range 2 {
		if _, err := m.Resource(t.Context(), "pods"); member.ReasonOf(err) != member.ReasonUnauthorized || !strings.Contains(err.Error(), "the words of the server") {
			t.Errorf("%s: %v", member.ReasonOf(err), err)
		}
	}
	text, err := os.ReadFile(runs)
	if err != nil || strings.Count(string(text), "run") != 1 {
		t.Errorf("the plugin ran: %q, %v", text, err)
	}
}

// A request whose caller has gone must not reach the server later.
func TestAnAbandonedLoginSendsNothing(t *testing.T) {
	s := serve(t, say(200, "{}"))
	m := dial(t, withPlugin(t, s.cluster(), "sleep 1\n"+goodLogin), member.Options{LoginTimeout: short})
	if _, err := m.Version(t.Context()); member.ReasonOf(err) != member.ReasonLoginFailed {
		t.Fatal(err)
	}
	time.Sleep(time.Second + short)
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests after the caller was told that it failed", n)
	}
}

func TestLoginSendsNothing(t *testing.T) {
	s := serve(t, say(200, "{}"))
	if err := dial(t, withPlugin(t, s.cluster(), goodLogin), member.Options{}).Login(t.Context()); err != nil {
		t.Error(err)
	}
	if err := dial(t, withPlugin(t, s.cluster(), "exit 1\n"), member.Options{}).Login(t.Context()); member.ReasonOf(err) != member.ReasonLoginFailed {
		t.Errorf("%v", err)
	}
	if err := dial(t, s.cluster(), member.Options{}).Login(t.Context()); err != nil {
		t.Errorf("without a plugin: %v", err)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestNeedsPrompt(t *testing.T) {
	s := serve(t, say(200, "{}"))
	c := withPlugin(t, s.cluster(), goodLogin)
	if dial(t, c, member.Options{}).NeedsPrompt() {
		t.Error("interactiveMode Never needs a prompt")
	}
	c.Access.(access).config.ExecProvider.InteractiveMode = api.AlwaysExecInteractiveMode
	if !dial(t, c, member.Options{}).NeedsPrompt() {
		t.Error("interactiveMode Always needs no prompt")
	}
}
