package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

// patience ends what hangs. It is no measure of speed.
const patience = 5 * time.Minute

// Plugins are commands, by the names of their programs.
type Plugins map[string]func(*cli.Env) *cobra.Command

// Act is for TestMain: the test binary is the plugin by whose name it is called.
func (p Plugins) Act() {
	if newCommand := p[filepath.Base(os.Args[0])]; newCommand != nil {
		os.Exit(int(cli.Main(newCommand)))
	}
}

// Shell is where the commands of a page run: in a home of their own.
type Shell struct {
	// Home is the user's, with files that the page has a use for; empty: a new one.
	Home string
	// Env is beside the test's own.
	Env []string
	// Plugins are those that Act makes of the test binary.
	Plugins Plugins
	// Programs are others, by the names that they are called by.
	Programs map[string]string
	// Config is the user's kubeconfig.
	Config *clientcmdapi.Config
}

// Kubeconfig has the clusters of another by the names that a page has for them.
func Kubeconfig(t *testing.T, file string, names map[string]string) *clientcmdapi.Config {
	t.Helper()
	from, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := clientcmdapi.NewConfig()
	for name, context := range names {
		is := from.Contexts[context]
		to.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
		to.Clusters[name], to.AuthInfos[name] = from.Clusters[is.Cluster], from.AuthInfos[is.AuthInfo]
	}
	return to
}

// Environ makes the home, and is the environment of what runs in it. Once is enough.
func (s Shell) Environ(t *testing.T) (home string, env []string) {
	t.Helper()
	home = s.Home
	if home == "" {
		home = t.TempDir()
	}
	bin, kubeconfig := filepath.Join(home, ".bin"), filepath.Join(home, ".kube", "config")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.WriteToFile(*s.Config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := func(program, name string) {
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, program := range s.Programs {
		link(program, name)
	}
	for name := range s.Plugins {
		link(self, name)
	}
	env = append(os.Environ(), "HOME="+home, "KUBECONFIG="+kubeconfig, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KUBECACHEDIR=", "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	return home, append(env, s.Env...)
}

// output is what the commands say, each followed by its mark.
func (s Shell) output(t *testing.T, all []command) string {
	t.Helper()
	home, env := s.Environ(t)
	file := filepath.Join(home, ".bin", "page")
	if err := os.WriteFile(file, []byte(script(all)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", file)
	shell.Dir, shell.Env = home, env
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Logf("the shell ended with %v", err)
	}
	return string(out)
}

// mark is behind what a command says.
const mark = "\x1e"

// script runs the commands; each finds the exit code of the one before as a user's shell
// would have it. With the first that fails in a block of several the shell ends.
func script(all []command) string {
	var text strings.Builder
	for _, c := range all {
		run := strings.TrimSuffix(c.text, "\n")
		if c.want == nil {
			run = "set -e\n" + run + "\nset +e"
		}
		fmt.Fprintf(&text, "(exit ${code:-0})\n%s\ncode=$?\necho '%s'\n", run, mark)
	}
	return text.String()
}
