package remove

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// script is a program that notes how it was called.
func script(t *testing.T, body string) (p Program, folder string) {
	t.Helper()
	folder = t.TempDir()
	path := filepath.Join(folder, "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+folder+"\necho \"$1\" >>verbs\ncat >question\nenv >env\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Program{Path: path, Context: "prod", Env: os.Environ(), Timeout: time.Minute}, folder
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func question() (*Step, Node) {
	n := Node{Name: "n-1", UID: "uid-1", ProviderID: "aws:///eu-west-1a/i-1", Zone: "eu-west-1a", Group: "workers"}
	return &Step{Run: "run-1", Nodes: []Node{n}}, n
}

func TestProgramIsTold(t *testing.T) {
	p, folder := script(t, "exit 0")
	p.Env = append(p.Env, "KUBECTL_FLEET_SECRET=s3cret", "CLOUD_PROFILE=ours")
	step, n := question()
	if err := p.run(t.Context(), "remove", (&Hook{Program: p}).asked(step, n)); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(read(t, folder, "question")), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"context": "prod", "node": "n-1", "providerID": "aws:///eu-west-1a/i-1", "zone": "eu-west-1a", "group": "workers", "uid": "uid-1", "planID": "run-1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("it was told %v, want %v", got, want)
	}
	if verbs := read(t, folder, "verbs"); verbs != "remove\n" {
		t.Errorf("called with %q", verbs)
	}
	if env := read(t, folder, "env"); strings.Contains(env, "s3cret") || !strings.Contains(env, "CLOUD_PROFILE=ours") {
		t.Errorf("environment:\n%s", env)
	}
}

func TestProgramEnds(t *testing.T) {
	for body, want := range map[string]struct {
		again  bool
		reason member.Reason
		says   string
	}{
		"exit 0":                     {},
		"echo later; exit 75":        {again: true, says: ": later"},
		"echo no such group; exit 4": {reason: member.ReasonUnhealthy, says: "exit status 4: no such group"},
		`printf 'a\033[31mb\r\nc\377' >&2; exit 1`:    {reason: member.ReasonUnhealthy, says: ": a [31mb c?"},
		"yes | head -c 1000000; echo the end; exit 1": {reason: member.ReasonUnhealthy, says: "y y the end"},
	} {
		p, _ := script(t, body)
		err := p.run(t.Context(), "status", asked{})
		if (err == nil) != (body == "exit 0") || errors.Is(err, errAgain) != want.again {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if err == nil {
			continue
		}
		if !strings.HasSuffix(err.Error(), want.says) || len(err.Error()) > 2*quoted {
			t.Errorf("%s: %q, want it to end with %q", body, err, want.says)
		}
		if want.reason != "" && member.ReasonOf(err) != want.reason {
			t.Errorf("%s: %s, want %s", body, member.ReasonOf(err), want.reason)
		}
	}
}

// A program that is not done is run again, until it is.
func TestProgramIsRunAgain(t *testing.T) {
	p, folder := script(t, "test $(wc -l <verbs) -ge 2 || exit 75")
	if err := p.until(t.Context(), "remove", asked{}); err != nil {
		t.Fatal(err)
	}
	if verbs := read(t, folder, "verbs"); verbs != "remove\nremove\n" {
		t.Errorf("called with %q", verbs)
	}
}

// What was removed before is asked for, and not removed again.
func TestHookAsksFirst(t *testing.T) {
	for body, want := range map[string]string{"exit 0": "status\n", `test "$1" = remove || exit 75`: "status\nremove\n"} {
		p, folder := script(t, body)
		step, _ := question()
		if err := (&Hook{Program: p}).Remove(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		if verbs := read(t, folder, "verbs"); verbs != want {
			t.Errorf("%s: called with %q, want %q", body, verbs, want)
		}
	}
}

func TestProgramIsStopped(t *testing.T) {
	p, folder := script(t, "trap 'echo stopped >end; exit 1' TERM\necho >running\nwhile :; do sleep 0.01; done")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(folder, "running")); err == nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := p.run(ctx, "remove", asked{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want what stopped it", err)
	}
	if end := read(t, folder, "end"); end != "stopped\n" {
		t.Errorf("it ended with %q", end)
	}
}
