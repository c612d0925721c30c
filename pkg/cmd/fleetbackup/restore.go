package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdRestore(env *cli.Env) *cobra.Command {
	flags := &restoreFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "restore [SET]",
		Short: "Bring one set back, and see that it works",
		Long: `Bring one set back, and see that it works.

Each member's backup is restored by Velero into the cluster that it is of, or into the one that --map names. With -C, or
another flag that chooses clusters, nothing but these is restored into, and one that --map names gets that part alone; the
plan says which members are left out. Before anything is asked for all targets are looked at: that Velero is there and has the
backup, that volumes can be made, what is there already. Members that others depend on are first; the next begin when those are
ready: Velero is done, workloads are rolled out, claims are bound, the policy's probes pass, and the canary reads the word that
was written while all was still.

Objects that are there already stay as they are, and volumes keep their data, unless --existing-resources update has Velero
patch what differs; volumes keep their data all the same. What was there, and is not as it was backed up, is named in the end,
and the exit code is 7. Begun again after it was stopped, it goes on where it was.

Exit codes: 0 all members are ready; 1 none is; 3 some are; 4 out of time, Velero goes on; 5 refused or not confirmed, nothing
was changed; 6 somebody else took over; 7 restored, and not all of it is of the set's point; 130 interrupted, Velero goes on.`,
		Example: `  # What would be restored, from where into what
  kubectl fleetbackup restore shop-k3x9 --dry-run=server

  # What would become of each object
  kubectl fleetbackup restore shop-k3x9 --preview

  # East is lost: its part goes into another cluster, and the others are left as they are
  kubectl fleetbackup restore shop-k3x9 --map east=spare -C spare

  # The newest set of shop before the accident
  kubectl fleetbackup restore shop --at 2026-11-20T12:00:00Z

  # A set whose manifest was kept as a file, when no cluster remembers it
  kubectl fleetbackup restore -f shop-k3x9.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type restoreFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.OutputFlags
	mutation cli.MutationFlags
	manifest manifestFlags
	plan     planFlags
	wait     waitFlags
	at       string
	existing string
	grade    string
	lacking  bool
	preview  bool
}

// planFlags say what goes where.
type planFlags struct{ clusters, namespaces, classes []string }

func (f *planFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.clusters, "map", nil, "Clusters to restore into, as SOURCE=TARGET; others are restored into themselves")
	f.addNameFlags(flags)
}

// addNameFlags binds those that give what is restored other names.
func (f *planFlags) addNameFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.namespaces, "namespace-mappings", nil, "New names of namespaces, as OLD:NEW")
	flags.StringSliceVar(&f.classes, "storage-class-mappings", nil, "New names of StorageClasses, as OLD:NEW")
}

// request reads the flags.
func (f *planFlags) request() (r restore.Request, err error) {
	if r.Clusters, err = pairs("map", "=", f.clusters); err != nil {
		return r, err
	}
	if r.Namespaces, err = pairs("namespace-mappings", ":", f.namespaces); err != nil {
		return r, err
	}
	r.StorageClasses, err = pairs("storage-class-mappings", ":", f.classes)
	return r, err
}

// waitFlags say how long is waited.
type waitFlags struct{ sync, stage time.Duration }

func (f *waitFlags) addFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&f.sync, "sync-timeout", 3*time.Minute, "How long Velero may take to see a backup of another cluster; it looks once a minute")
	flags.DurationVar(&f.stage, "timeout", 30*time.Minute, "How long each stage of a member may take: Velero's restore, and then until all of it is ready")
}

func (f *waitFlags) check() error {
	if f.sync <= 0 || f.stage <= 0 {
		return errors.New("--sync-timeout and --timeout must be more than 0")
	}
	return nil
}

func (f *restoreFlags) addFlags(flags *pflag.FlagSet) {
	f.addCommonFlags(flags)
	flags.StringVar(&f.at, "at", "", "The set that is of this time, as 2026-11-20T12:00:00Z, or of the last one before it; the argument is the policy's name, if there are several")
	flags.BoolVar(&f.preview, "preview", false, "Show what would become of each object of the backups, and change nothing")
	flags.StringVar(&f.existing, "existing-resources", "none", `"none" or "update": whether objects that are there and differ are patched`)
}

// addCommonFlags binds those that drill has, too.
func (f *restoreFlags) addCommonFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	f.plan.addFlags(flags)
	f.wait.addFlags(flags)
	f.manifest.addFlags(flags)
	flags.StringVar(&f.grade, "allow-grade", "", "The worst grade that is good enough: Quiesced, Aligned, Independent or Torn (default: the policy says)")
	flags.BoolVar(&f.lacking, "allow-incomplete", false, "Restore a set that lacks members")
}

type restoreOptions struct {
	restoring

	manifest manifestFlags
	at       time.Time
	request  restore.Request
}

func (f *restoreFlags) toOptions(args []string) (*restoreOptions, error) {
	o := &restoreOptions{manifest: f.manifest, restoring: restoring{env: f.env, clusters: f.clusters}}
	if len(args) > 0 {
		o.set = args[0]
	}
	var err error
	switch {
	case f.at != "" && f.manifest.file != "":
		return nil, cli.UsageError(errors.New("-f is a set's own manifest: leave --at away"))
	case f.at != "":
		if o.at, err = time.Parse(time.RFC3339, f.at); err != nil {
			return nil, cli.UsageError(fmt.Errorf("--at is %q: want a time such as 2026-11-20T12:00:00Z, or 2026-11-20T14:00:00+02:00", f.at))
		}
	case o.set == "" && f.manifest.file == "":
		return nil, f.manifest.unnamed()
	}
	if o.request, err = f.plan.request(); err != nil {
		return nil, cli.UsageError(err)
	}
	o.request.Purpose, o.request.AllowIncomplete = v1alpha1.RestoreForUse, f.lacking
	if o.request.AllowGrade, err = gradeOf(f.grade); err != nil {
		return nil, cli.UsageError(err)
	}
	switch f.existing {
	case "none", "update":
		o.request.Update = f.existing == "update"
	default:
		return nil, cli.UsageError(fmt.Errorf("--existing-resources is %q: want none or update", f.existing))
	}
	if err := f.wait.check(); err != nil {
		return nil, cli.UsageError(err)
	}
	o.settings = restore.Settings{StateNamespace: f.manifest.namespace, Sync: f.wait.sync, Timeout: f.wait.stage, Preview: f.preview}
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	if f.preview { // nothing is changed, so nobody is asked
		return o, nil
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

// grades are those that a set may have.
func grades() []v1alpha1.BackupGrade {
	return []v1alpha1.BackupGrade{v1alpha1.GradeQuiesced, v1alpha1.GradeAligned, v1alpha1.GradeIndependent, v1alpha1.GradeTorn}
}

func gradeOf(text string) (v1alpha1.BackupGrade, error) {
	grade := v1alpha1.BackupGrade(text)
	if text != "" && !slices.Contains(grades(), grade) {
		return "", fmt.Errorf("--allow-grade is %q: want Quiesced, Aligned, Independent or Torn", text)
	}
	return grade, nil
}

func (o *restoreOptions) run(ctx context.Context) error {
	manifest, err := o.manifest.find(ctx, o.env, o.clusters, o.set, o.at)
	if err != nil {
		return err
	}
	o.set = manifest.Name
	return o.do(ctx, manifest, o.request)
}
