// Package script runs the .txtar files below it: the plugins as processes of
// their own against fake API servers. See commands_test.go for the commands
// that scripts have beside those of testscript.
package script

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetbackup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"jq":                  jq,
		"kubectl-fleet":       func() { os.Exit(int(cli.Main(fleet.NewCmdFleet))) },
		"kubectl-fleetbackup": func() { os.Exit(int(cli.Main(fleetbackup.NewCmdFleetbackup))) },
		"kubectl-fleetscale":  func() { os.Exit(int(cli.Main(fleetscale.NewCmdFleetscale))) },
	})
}

// TestScript runs every script of every directory, one subtest each, such as
// TestScript/fleet/get_pods.
func TestScript(t *testing.T) {
	folders := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".txtar" {
			folders[filepath.Dir(path)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatal("there are no scripts")
	}
	for folder := range folders {
		t.Run(folder, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                 folder,
				Setup:               setup,
				Cmds:                commands(),
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
			})
		})
	}
}

// setup gives a script a home of its own, a fleet without servers, and the examples of
// docs/hooks as $HOOKS.
func setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("USERPROFILE", home)
	env.Setenv("KUBECONFIG", filepath.Join(home, ".kube", "config"))
	env.Setenv("KUBECACHEDIR", filepath.Join(home, ".kube", "cache"))
	env.Setenv("KUBECTL_FLEET", "")
	env.Setenv("KUBECTL_FLEET_CONFIG", "")
	env.Setenv("TERM", "dumb")
	hooks, err := filepath.Abs(filepath.Join("..", "..", "docs", "hooks"))
	if err != nil {
		return err
	}
	env.Setenv("HOOKS", hooks)
	scene := &scene{fleet: fakefleet.New(), config: filepath.Join(home, ".kube", "config")}
	env.Values[sceneKey{}] = scene
	env.Defer(scene.fleet.Close)
	return os.MkdirAll(filepath.Join(home, ".kube"), 0o700)
}
