package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What top says of each cluster is what kubectl top says of it, from the numbers
// of a real metrics server.
func TestTopIsKubectls(t *testing.T) {
	p := newPlugin(t)
	p.namespace(t, "top", 0)
	for _, cluster := range p.fleet.Clusters() {
		p.kubectl(t, "--context", cluster, "run", "busy", "-n", "top", "--image", "registry.example/busy:1").want(t, 0)
		p.running(t, cluster, "top", "busy")
	}
	for _, args := range [][]string{{"top", "nodes", "--no-headers"}, {"top", "pods", "-n", "top", "--no-headers"}} {
		eventually(t, strings.Join(args, " "), func() error { // a pod's first numbers take a moment to be there
			before, err := p.kubectlTop(t, args)
			if err != nil {
				return err
			}
			all := p.run(t, args...)
			after, err := p.kubectlTop(t, args)
			if err != nil || !slices.Equal(before, after) {
				return errors.Join(err, errors.New("the numbers change"))
			}
			var ours []string
			for line := range strings.Lines(all.stdout) {
				if fields := strings.Fields(line); slices.Contains(fields, "busy") || args[1] == "nodes" {
					ours = append(ours, strings.Join(fields, " "))
				}
			}
			for _, row := range before {
				if !slices.Contains(ours, row) {
					return fmt.Errorf("kubectl says %q, which is not in\n%s\n%s", row, all.stdout, all.stderr)
				}
			}
			return nil
		})
	}
}

// kubectlTop is what kubectl says of all clusters, each row with its cluster.
func (p *plugin) kubectlTop(t *testing.T, args []string) ([]string, error) {
	t.Helper()
	var rows []string
	for _, cluster := range p.fleet.Clusters() {
		got := p.kubectl(t, append(args, "--context", cluster)...)
		if got.code != 0 || got.stdout == "" {
			return nil, fmt.Errorf("kubectl has no numbers of %s yet: %s", cluster, got.stderr)
		}
		for line := range strings.Lines(got.stdout) {
			rows = append(rows, cluster+" "+strings.Join(strings.Fields(line), " "))
		}
	}
	return rows, nil
}
