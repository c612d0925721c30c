package bed

import (
	"maps"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// The states of a cluster.
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
	Cluster string `json:"cluster"`
	Version string `json:"version"`
	State   string `json:"state"`
	Server  string `json:"server"`
	// Processes by the name of their component; those that run.
	Processes map[string]int `json:"processes"`
	// Memory of all processes in bytes (proportional set size).
	Memory int64 `json:"memory"`
}

// Status of all clusters and hubs, read from the process table; no cluster is called, so that a hung one does not hold it up.
func (b *Bed) Status() ([]Status, error) {
	var list []Status
	for _, c := range b.Running() {
		units, err := c.Units()
		if err != nil {
			return nil, err
		}
		s := Status{Cluster: c.Name, Version: c.Version, Server: c.Server(), Processes: map[string]int{}, State: state(units)}
		for _, name := range slices.Sorted(maps.Keys(units)) {
			u := units[name]
			if u.State() == process.Gone {
				continue
			}
			s.Processes[name] = u.PID
			m, err := u.Memory()
			if err != nil && u.State() != process.Gone {
				return nil, err
			}
			s.Memory += m
		}
		list = append(list, s)
	}
	return list, nil
}

func state(units map[string]process.Unit) string {
	gone := 0
	for _, u := range units {
		if u.State() == process.Gone {
			gone++
		}
	}
	api, started := units[cluster.APIServer]
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
