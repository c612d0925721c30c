// Package service runs what several clusters use and none of them owns, such as a store of objects: one program on one port of loopback.
package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// Spec is what a service is.
type Spec struct {
	Name string `json:"name"`
	// Program is the name of what it runs.
	Program string `json:"program"`
	Port    int    `json:"port"`
}

// Service is one service and the folder that holds all of it.
type Service struct {
	Spec
	process.Group
}

// Server is its address.
func (s *Service) Server() string { return "http://" + s.address() }

func (s *Service) address() string { return port.Address(s.Port) }

// Start runs the program and returns when it listens.
func (s *Service) Start(ctx context.Context, path string, args, env []string) error {
	if _, err := s.Run(s.Program, path, args, env); err != nil {
		return s.wrap("start", err)
	}
	return s.wrap("start", s.UntilListening(ctx, s.Program, s.address()))
}

// Hang halts it: from now on it accepts connections and never answers. It is no error when it hangs already.
func (s *Service) Hang(ctx context.Context) error {
	return s.wrap("hang", s.tell(ctx, process.Unit.Halt))
}

// Resume undoes Hang.
func (s *Service) Resume(ctx context.Context) error {
	return s.wrap("resume", s.tell(ctx, process.Unit.Continue))
}

// Kill ends it at once: from now on its port refuses. It is no error when it is dead already.
func (s *Service) Kill(ctx context.Context) error {
	u, err := s.unit()
	if err == nil {
		err = u.Kill(ctx)
	}
	return s.wrap("kill", err)
}

// Restart undoes Kill, on the same port and with the same data.
func (s *Service) Restart(ctx context.Context) error {
	u, err := s.unit()
	if err == nil && u.State() == process.Gone {
		err = s.Rerun(ctx, s.Program)
	}
	if err == nil {
		err = s.UntilListening(ctx, s.Program, s.address())
	}
	return s.wrap("start", err)
}

// Stop ends it. It is no error when it is gone, or was never started.
func (s *Service) Stop(ctx context.Context) error {
	const grace = 5 * time.Second
	u, err := s.Unit(s.Program)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = u.Stop(ctx, grace)
	}
	return s.wrap("stop", err)
}

func (s *Service) tell(ctx context.Context, what func(process.Unit, context.Context) error) error {
	u, err := s.unit()
	if err == nil {
		err = what(u, ctx)
	}
	if errors.Is(err, process.ErrGone) {
		err = fmt.Errorf("it is dead: testbed start %s brings it back", s.Name)
	}
	return err
}

func (s *Service) unit() (process.Unit, error) {
	u, err := s.Unit(s.Program)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("it was never started: run testbed up")
	}
	return u, err
}

func (s *Service) wrap(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", verb, s.Name, err)
}
