package completion

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdInstall(plugin string, env *cli.Env) *cobra.Command {
	name := cli.DisplayName(plugin)
	flags := &installFlags{env: env}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Let kubectl complete this plugin on Tab",
		Long: `Let kubectl complete this plugin on Tab.

kubectl asks a program called ` + completer(plugin) + ` for completions, if PATH has one. This writes it: two lines of shell
beside the link or program that kubectl runs, such as that of krew. A file of that name that is not ours is left alone. Of the
shell, kubectl's own completion is needed: kubectl completion --help.

Exit codes: 0 done, or was done already, 1 it could not be written, 2 usage, 5 refused: the name is taken, or kubectl runs
another program of the plugin's name.`,
		Example: `  # Beside the plugin
  ` + name + ` completion install

  # Into another folder of PATH
  ` + name + ` completion install --dir ~/.local/bin

  # Where would it go?
  ` + name + ` completion install --dry-run=client`,
		Args: cli.NoArgs,
		RunE: cli.RunE(func(context.Context, []string) error {
			options, err := flags.toOptions()
			if err != nil {
				return err
			}
			return options.run()
		}),
	}
	cmd.Flags().StringVar(&flags.dir, "dir", "", "The folder of PATH to write to (default: where kubectl finds the plugin)")
	flags.mutation.AddDryRun(cmd.Flags())
	return cmd
}

type installFlags struct {
	env      *cli.Env
	dir      string
	mutation cli.MutationFlags
}

type installOptions struct {
	env *cli.Env
	// dir is empty for the folder in which kubectl finds the plugin.
	dir    string
	dryRun bool
}

func (f *installFlags) toOptions() (*installOptions, error) {
	mutation, err := f.mutation.Read(f.env)
	if err != nil {
		return nil, err
	}
	return &installOptions{env: f.env, dir: f.dir, dryRun: mutation.DryRun != ""}, nil
}

// otherDir is what to do where a folder will not do.
const otherDir = "--dir names another folder of your PATH, such as ~/.local/bin"

func (o *installOptions) run() error {
	dir, err := o.folder()
	if err != nil {
		return err
	}
	if !o.env.InPath(dir) {
		o.env.Note("%s is not in PATH, so kubectl will not find the file there", dir)
	}
	path, content := filepath.Join(dir, completer(o.env.Plugin)), script(o.env.Plugin)
	found, err := look(path, content)
	switch {
	case err != nil:
		return &cli.Error{Code: cli.ExitFailed, Err: err, Hint: otherDir}
	case found == foreign:
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%s is not ours; nothing was changed", path), Hint: "look at it, and remove it or use --dir"}
	case found == current:
		return o.say(path, "is there already")
	case o.dryRun:
		return o.say(path, "would be written (dry run)")
	}
	if err := put(path, content, found); err != nil {
		return &cli.Error{Code: cli.ExitFailed, Err: err, Hint: otherDir}
	}
	return o.say(path, "was written: kubectl completes "+o.env.DisplayName()+" from now on")
}

func (o *installOptions) say(path, what string) error {
	_, err := fmt.Fprintf(o.env.Out, "%s %s\n", printers.Escape(path), what)
	return err
}

// folder is where the file belongs. The file runs what kubectl runs, so that must
// be this program.
func (o *installOptions) folder() (string, error) {
	path, own := o.env.OnPath()
	switch {
	case path != "" && !own:
		return "", &cli.Error{
			Code: cli.ExitRefused,
			Err:  fmt.Errorf("kubectl runs %s, which comes first in PATH and is not this program; nothing was changed", path),
			Hint: "put the folder of this one before it, or remove the other",
		}
	case o.dir != "":
		return filepath.Abs(o.dir)
	case path == "":
		return "", &cli.Error{
			Code: cli.ExitFailed, Err: errors.New("no folder of PATH has " + o.env.Plugin + ", so kubectl cannot run it"),
			Hint: "put it into one of them first",
		}
	}
	return filepath.Abs(filepath.Dir(path))
}
