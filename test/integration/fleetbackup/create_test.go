package fleetbackup_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/test/ledger/lab"
)

// TestCreate makes sets of an application that is at work, and breaks what makes them.
func TestCreate(t *testing.T) {
	l := lab.New(t, bed(t), "c1", "c2")
	policy := l.Policy(t, false)
	// recovered: there is no set if no Backup was asked for, and else a torn one.
	recovered := func(t *testing.T) string {
		t.Helper()
		code, out := l.Plugin(t, "recover", "-C", "c1,c2")
		set := l.Newest(t)
		aborted := code == 1 && set.Status.Phase == v1alpha1.BackupAborted
		torn := code == 7 && set.Status.Phase == v1alpha1.BackupSealed && set.Status.Grade == v1alpha1.GradeTorn
		if !aborted && !torn {
			t.Errorf("recover: %d, %s %s: %s", code, set.Status.Phase, set.Status.Grade, out)
		}
		if l.Frozen("c1") || l.Frozen("c2") {
			t.Error("it is frozen still")
		}
		return out
	}
	t.Run("nothing is lost", func(t *testing.T) { l.Conserve(t, 3) })
	t.Run("describe", func(t *testing.T) {
		set := l.Newest(t)
		code, out := l.Plugin(t, "describe", set.Name)
		if code != 0 || !strings.Contains(out, "Quiesced, complete, 2/2 members") || !strings.Contains(out, "#") {
			t.Errorf("%d: %s", code, out)
		}
		// The barrier is one line through the rows of all members.
		rows := regexp.MustCompile(`(?m)^c[12] {2}[q.]*q=*\|[#=|r.]*$`).FindAllString(out, -1)
		if len(rows) != 2 || strings.Index(rows[0], "|") != strings.Index(rows[1], "|") {
			t.Errorf("there is no barrier to be seen in\n%s", out)
		}
	})
	t.Run("killed while all is still", func(t *testing.T) {
		ended := l.WhileFrozen(t, func() { l.Signal(os.Kill) }, "create", "-f", policy, "--yes")
		if !l.Frozen("c1") || !l.Frozen("c2") {
			t.Error("it was released by nobody")
		}
		if ended.Code != -1 {
			t.Errorf("create: %d: %s", ended.Code, ended.Output)
		}
		if out := recovered(t); !strings.Contains(out, "c1: waits: whoever began the run has its lock") {
			t.Errorf("nothing says what is waited for: %s", out)
		}
	})
	t.Run("killed, and its deadmen release", func(t *testing.T) {
		l.WhileFrozen(t, func() { l.Signal(os.Kill) }, "create", "-f", policy, "--yes", "--max-freeze", "10s")
		for end := time.Now().Add(patience); l.Frozen("c1") || l.Frozen("c2"); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no deadman fires")
			}
		}
		recovered(t)
	})
	t.Run("interrupted on a terminal", func(t *testing.T) {
		l.Terminal = true
		ended := l.WhileFrozen(t, func() { l.Signal(os.Interrupt) }, "create", "-f", policy, "--yes")
		l.Terminal = false
		// A row for each cluster, and below them nothing but what was said afterwards.
		_, below, drawn := strings.Cut(ended.Output, "QUIESCE")
		if at := strings.LastIndex(below, "\x1b["); !drawn || at < 0 || !strings.HasPrefix(below[at:], "\x1b[J") || !strings.Contains(below, "of 1m0s at most") {
			t.Errorf("the terminal is left as %q", ended.Output)
		}
		if ended.Code != 130 || l.Frozen("c1") || l.Frozen("c2") || !strings.Contains(ended.Output, "interrupted: releasing") {
			t.Errorf("%d: %s", ended.Code, ended.Output)
		}
		if set := l.Newest(t); set.Status.Phase == v1alpha1.BackupFinishing { // Backups were asked for
			recovered(t)
		}
	})
	t.Run("two operators", func(t *testing.T) {
		var second int
		var said string
		ended := l.WhileFrozen(t, func() { second, said = l.Beside(t, "create", "-f", policy, "--yes") }, "create", "-f", policy, "--yes")
		if ended.Code != 0 || second != 5 {
			t.Errorf("%d: %s\n%d: %s", ended.Code, ended.Output, second, said)
		}
	})
	t.Run("a cluster hangs while all is still", func(t *testing.T) {
		t.Run("until", func(t *testing.T) {
			ended := l.WhileFrozen(t, func() { bed(t).Hang(t, "c2") }, "create", "-f", policy, "--yes", "--max-freeze", "20s", "--cluster-timeout", "3s")
			byHand := regexp.MustCompile(`c2: ledger/till-\S+ is (?:Armed|Frozen); its deadman releases it by \S+Z\n +by hand: kubectl --context c2 -n ledger exec till-\S+ -c \S+ -- `)
			if ended.Code != 6 || l.Frozen("c1") || !byHand.MatchString(ended.Output) || !strings.Contains(ended.Output, "recover ledger-") {
				t.Errorf("%d: %s", ended.Code, ended.Output)
			}
		}) // it answers again
		recovered(t)
	})
}
