package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// listenAt makes the test binary a server.
const listenAt = "SERVICE_TEST_LISTEN_AT"

func TestMain(m *testing.M) {
	if at := os.Getenv(listenAt); at != "" {
		server := http.Server{Addr: at, ReadHeaderTimeout: time.Minute}
		fmt.Fprintln(os.Stderr, server.ListenAndServe())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestService(t *testing.T) {
	ctx := t.Context()
	held, ports, err := port.Reserve(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	s := &Service{Spec: Spec{Name: "store", Program: "server", Port: ports[0]}, Group: process.Group{Dir: t.TempDir()}}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(ctx); err == nil || !strings.Contains(err.Error(), "never started") {
		t.Errorf("kill before the start: %v", err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop before the start: %v", err)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(ctx)) })
	env := []string{listenAt + "=" + port.Address(s.Port)}
	held.Close()
	if err := s.Start(ctx, path, nil, env); err != nil {
		t.Fatal(err)
	}
	s.answers(t, nil)

	s.do(t, s.Hang)
	s.answers(t, context.DeadlineExceeded)
	s.do(t, s.Resume)
	s.answers(t, nil)

	s.do(t, s.Kill)
	s.answers(t, syscall.ECONNREFUSED)
	if err := s.Resume(ctx); err == nil || !strings.Contains(err.Error(), "testbed start store") {
		t.Errorf("resume of what is dead: %v, want the remedy", err)
	}
	s.do(t, s.Restart)
	s.answers(t, nil)

	s.do(t, s.Stop)
	s.answers(t, syscall.ECONNREFUSED)
}

func (*Service) do(t *testing.T, what func(context.Context) error) {
	t.Helper()
	if err := what(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// answers asks the service, which is to give the error or, without one, an answer.
func (s *Service) answers(t *testing.T, want error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	if errors.Is(want, context.DeadlineExceeded) {
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	}
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Server(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err == nil {
		err = answer.Body.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("the service: %v, want %v", err, want)
	}
}
