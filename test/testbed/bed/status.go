package bed

import (
	"maps"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// The states of a cluster, or of a service.
const (
	StateRunning = "running"
	// StateHung is a cluster that accepts connections and never answers.
	StateHung = "hung"
	// StateKilled is a cluster whose API server is dead: its port refuses.
	StateKilled = "killed"
	// StateDegraded is a cluster that serves although another of its components is dead.
	StateDegraded = "degraded"
	// StateDown is a cluster of which nothing runs.
	StateDown = "down"
)

// Status is what a cluster does right now.
type Status struct {
	// Cluster is the name, be it that of a hub or a service.
	Cluster string `json:"cluster"`
	Version string `json:"version"`
	State   string `json:"state"`
	Server  string `json:"server"`
	// Processes by the name of their component; those that run.
	Processes map[string]int `json:"processes"`
	// Memory of all processes in bytes (proportional set size).
	Memory int64 `json:"memory"`
}

// Status of all clusters, hubs and services, read from the process table; none is called, so that a hung one does not hold it up.
func (b *Bed) Status() ([]Status, error) {
	var list []Status
	add := func(s Status, g process.Group, server string) error {
		units, err := g.Units()
		if err != nil {
			return err
		}
		s.State, s.Processes = state(units, server), map[string]int{}
		for _, name := range slices.Sorted(maps.Keys(units)) {
			u := units[name]
			if u.State() == process.Gone {
				continue
			}
			s.Processes[name] = u.PID
			m, err := u.Memory()
			if err != nil && u.State() != process.Gone {
				return err
			}
			s.Memory += m
		}
		list = append(list, s)
		return nil
	}
	for _, c := range b.Running() {
		if err := add(Status{Cluster: c.Name, Version: c.Version, Server: c.Server()}, c.Group, cluster.APIServer); err != nil {
			return nil, err
		}
	}
	for _, s := range b.Services() {
		if err := add(Status{Cluster: s.Name, Server: s.Server()}, s.Group, s.Program); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// state of a cluster or a service, of whose programs server is the one that answers.
func state(units map[string]process.Unit, server string) string {
	gone := 0
	for _, u := range units {
		if u.State() == process.Gone {
			gone++
		}
	}
	api, started := units[server]
	switch {
	case gone == len(units):
		return StateDown
	case !started || api.State() == process.Gone:
		return StateKilled
	case api.State() == process.Stopped:
		return StateHung
	case gone > 0:
		return StateDegraded
	}
	return StateRunning
}
