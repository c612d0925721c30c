// Command testbed runs several real Kubernetes clusters on this machine, for the tests and for trying things out: plain processes on
// loopback, KWOK nodes, no container runtime. See docs/testbed.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// global are the flags of all commands.
type global struct {
	dir  string
	root string
}

func newCommand() *cobra.Command {
	g := &global{}
	cmd := &cobra.Command{
		Use:           "testbed",
		Short:         "Run several Kubernetes clusters on this machine",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	cmd.PersistentFlags().StringVar(&g.dir, "dir", "", "the testbed's folder (default $KUBECTL_FLEET_TESTBED, else .testbed in the checkout)")
	cmd.PersistentFlags().StringVar(&g.root, "root", "", "the checkout of kubectl-fleet (default: found from the working directory)")
	cmd.AddCommand(newUp(g), newDown(g), newStatus(g), newKubeconfig(g), newBuild(g), newSeed(g))
	cmd.AddCommand(newFaults(g)...)
	return cmd
}

// folder is the bed's folder as the flags, the environment or the checkout say.
func (g *global) folder() (string, error) {
	if g.dir != "" {
		return g.dir, nil
	}
	if dir := os.Getenv("KUBECTL_FLEET_TESTBED"); dir != "" {
		return dir, nil
	}
	root, err := g.checkout()
	if err != nil {
		return "", fmt.Errorf("%w, or name the testbed's folder with --dir", err)
	}
	return filepath.Join(root, ".testbed"), nil
}

func (g *global) checkout() (string, error) {
	if g.root != "" {
		return stack.FindRoot(g.root)
	}
	return stack.FindRoot(".")
}

func (g *global) open() (*bed.Bed, error) {
	dir, err := g.folder()
	if err != nil {
		return nil, err
	}
	return bed.Open(dir)
}

// logger tells what happens on stderr, since stdout is for results.
func logger(cmd *cobra.Command) func(format string, args ...any) {
	return func(format string, args ...any) {
		fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
	}
}
