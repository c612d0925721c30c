package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
)

// hubLab measures beside karmadactl, with the bed's Karmada.
type hubLab struct {
	*lab
	kubeconfig, karmadactl string
}

// newHubLab fails if the bed has no Karmada.
func newHubLab(l *lab) (*hubLab, error) {
	hub, err := l.bed.Cluster(karmada.Hub)
	if err != nil {
		return nil, fmt.Errorf("what needs a Karmada is not measured: %w; testbed up --with karmada brings one", err)
	}
	h := &hubLab{lab: l, kubeconfig: hub.Kubeconfig()}
	h.karmadactl, err = l.bed.Program("karmadactl")
	return h, err
}

// scenarios begin and end with no cluster joined.
func (h *hubLab) scenarios() []scenario {
	all := []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"}
	ours := h.fleet(slices.Concat([]string{"join", "--to", "karmada=" + karmada.Hub, "--yes"}, all)...)
	both := h.bed.Kubeconfig() + string(os.PathListSeparator) + h.kubeconfig
	leave := func(ctx context.Context) error {
		unjoin := h.program("kubectl-fleet") + " unjoin --from karmada=" + karmada.Hub + " --yes " + strings.Join(all, " ")
		// What karmadactl made beside it is not ours to take away.
		return h.shell(ctx, both, unjoin+" && seq 1 8 | xargs -P8 -I{} "+h.kubectl+" --context c{} delete ns karmada-cluster --ignore-not-found")
	}
	loop := func(name, side string) program {
		return program{name: name, command: []string{"sh", "-c", "seq 1 8 | xargs " + side + " -I{} " + h.karmadactl + " join c{} --kubeconfig " + h.kubeconfig +
			" --karmada-context " + karmada.Hub + " --cluster-kubeconfig " + h.bed.Kubeconfig() + " --cluster-context c{}"}}
	}
	members := []string{"get", "pods", "-A", "--inventory", "karmada=" + karmada.Hub}
	proxied := "get pods -A --operation-scope members --kubeconfig " + h.kubeconfig + " --karmada-context " + karmada.Hub
	hung := all[len(all)-1]
	joined := func(ctx context.Context) error {
		return h.shell(ctx, both, strings.Join(ours.command, " ")+" --wait --timeout 3m")
	}
	return []scenario{
		{
			title: "8 real clusters join a Karmada: `join --to karmada`", kubeconfig: both,
			programs: []program{
				ours, loop("xargs -P8 karmadactl join", "-P8"), loop("karmadactl join, one after the other", "-P1"),
			},
			reset:   leave,
			targets: []target{wallWithin(1, 1), fasterThan(3, 2)},
		},
		{
			title: "8 real clusters × 2,000 pods through a Karmada alone: `get pods -A --inventory karmada`", kubeconfig: h.kubeconfig,
			programs: []program{
				h.fleet(members...), {name: "karmadactl get --operation-scope members", command: []string{"sh", "-c", h.karmadactl + " " + proxied}},
				{name: ours.name + ", the roster", command: h.fleet("get", "--inventory", "karmada="+karmada.Hub).command},
			},
			begin: joined, end: leave,
			targets: []target{wallWithin(1, 1)},
		},
		{
			title: "The same with one member that hangs: `--cluster-timeout 3s`", kubeconfig: h.kubeconfig,
			programs: []program{
				{name: ours.name, command: h.fleet(append(members, "--cluster-timeout", "3s")...).command, code: 3},
				// It may wait for ever, and fails in one way or another.
				{name: "karmadactl get --operation-scope members, ended after 60 s", command: []string{"sh", "-c", "timeout 60 " + h.karmadactl + " " + proxied + " || true"}},
			},
			begin:   func(ctx context.Context) error { return errors.Join(joined(ctx), h.bed.Hang(ctx, hung)) },
			end:     func(ctx context.Context) error { return errors.Join(h.bed.Resume(ctx, hung), leave(ctx)) },
			targets: []target{wallWithin(1, 1)},
		},
	}
}
