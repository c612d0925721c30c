package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/clock"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdMigrate(env *cli.Env) *cobra.Command {
	flags := &migrateFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "migrate --from CLUSTER --to CLUSTER -n NAMESPACE",
		Short: "Bring namespaces into another cluster, and see that they work there",
		Long: `Bring namespaces into another cluster, and see that they work there.

Both clusters are looked at first. Then the one is backed up by its Velero, and the backup is restored by the other's, which
must have a location that reads where the first one writes. It is done when all that was restored is ready. In the first
cluster nothing is stopped and nothing is deleted: what is written there after the backup is not in it.

Volumes go along if their data are moved to the location (--snapshot-move-data), or if both clusters have one storage.

Exit codes: 0 all is ready there; 1 it is not; 4 out of time, Velero goes on; 5 refused or not confirmed, nothing was changed; 6
somebody else took over; 130 interrupted, Velero goes on.`,
		Example: `  # One namespace, with its volumes
  kubectl fleetbackup migrate --from old --to new -n shop --snapshot-move-data

  # Under another name, on another StorageClass
  kubectl fleetbackup migrate --from old --to new -n shop --namespace-mappings shop:shop-2 --storage-class-mappings fast:gp3`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			options, err := flags.toOptions()
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type migrateFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.OutputFlags
	mutation cli.MutationFlags
	plan     planFlags
	wait     waitFlags

	from, to  string
	velero    string
	template  policy.Template
	namespace string
}

func (f *migrateFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	f.plan.addNameFlags(flags)
	f.wait.addFlags(flags)
	addStateNamespace(flags, &f.namespace)
	flags.StringVar(&f.from, "from", "", "Cluster that the namespaces are in")
	flags.StringVar(&f.to, "to", "", "Cluster that they are brought into")
	flags.StringSliceVarP(&f.template.IncludedNamespaces, "namespace", "n", nil, "Namespaces that are brought; several may be named")
	flags.BoolVar(&f.template.MoveData, "snapshot-move-data", false, "Copy the data of snapshots to the location")
	flags.BoolVar(&f.template.FileSystem, "default-volumes-to-fs-backup", false, "Copy the files of live volumes instead of taking snapshots")
	flags.StringVar(&f.velero, "velero-namespace", "", `Namespace of Velero in both clusters (default "velero")`)
}

type migrateOptions struct {
	restoring

	from, to string
	request  restore.Request
	velero   string
	template policy.Template
	backup   backup.Settings
}

func (f *migrateFlags) toOptions() (*migrateOptions, error) {
	o := &migrateOptions{restoring: restoring{env: f.env, clusters: f.clusters}, from: f.from, to: f.to, velero: f.velero, template: f.template}
	switch {
	case f.from == "" || f.to == "":
		return nil, cli.UsageError(errors.New("from where, and into what? --from and --to"))
	case f.from == f.to:
		return nil, cli.UsageError(errors.New("--from and --to are the same cluster: restore gives namespaces other names"))
	case len(f.template.IncludedNamespaces) == 0:
		return nil, cli.UsageError(errors.New("which namespaces? -n NAMESPACE"))
	}
	for _, name := range f.template.IncludedNamespaces {
		if name == "" || strings.ContainsAny(name, "*?[{") {
			return nil, cli.UsageError(fmt.Errorf("-n %q: name the namespaces one by one", name))
		}
	}
	var err error
	if o.request, err = f.plan.request(); err != nil {
		return nil, cli.UsageError(err)
	}
	if err := f.wait.check(); err != nil {
		return nil, cli.UsageError(err)
	}
	o.request.Purpose, o.request.AllowGrade = v1alpha1.RestoreForMigration, v1alpha1.GradeIndependent // of one cluster
	o.settings = restore.Settings{StateNamespace: f.namespace, Sync: f.wait.sync, Timeout: f.wait.stage}
	o.backup = backup.Settings{
		StateNamespace: f.namespace, By: f.env.Who(), Version: cli.PluginVersion(f.env.Plugin).Version, Timeout: f.wait.stage, Clock: clock.New(),
	}
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

func (o *migrateOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx, o.from, o.to)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	from, to := named(selection.Clusters, o.from), named(selection.Clusters, o.to)
	if len(from) != 1 || len(to) != 1 || from[0].Name == to[0].Name {
		return cli.UsageError(errors.New("--from and --to must be one cluster each, and not the same"))
	}
	spec, err := o.template.Backup()
	if err != nil {
		return cli.UsageError(err)
	}
	p, err := policy.Of("migrate-"+o.template.IncludedNamespaces[0], []string{from[0].Name}, o.velero, spec)
	if err != nil {
		return cli.UsageError(err)
	}
	o.request.Clusters = map[string]string{from[0].Name: to[0].Name}
	source := backup.Fleet{Clusters: from, Members: selection.Members, Fanout: selection.Fanout}
	made, err := backup.Prepare(ctx, source, p, o.backup, false)
	if err != nil {
		return refused(err)
	}
	if err := refuse(o.env, made); err != nil {
		return err
	}
	// The target is looked at as if the backup were there.
	upcoming := made.Execution(o.backup)
	upcoming.Status.Phase, upcoming.Status.Grade = v1alpha1.BackupSealed, v1alpha1.GradeAligned
	plan, _, warnings, err := o.ahead(ctx, &selection, &upcoming, true)
	if err != nil {
		return err
	}
	show := func(w io.Writer) error { return showRestorePlan(w, plan, warnings, o.output.Table()) }
	if o.mutation.DryRun != "" {
		if o.output.Format.IsTable() {
			return show(o.env.Out)
		}
		return printRestore(o.env, o.output, plan, nil)
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: show, Clusters: 1, Do: fmt.Sprintf("Back up %s of %s, and restore it into %s", strings.Join(o.template.IncludedNamespaces, ", "), from[0].Name, to[0].Name),
		Warnings: warningTexts(warnings),
	})
	if err != nil {
		return err
	}
	progress := newProgress(o.env, members(made.Policy), made.Policy)
	set, err := made.Create(ctx, o.backup, progress)
	progress.done()
	if err != nil || verdictOf(set) != nil {
		return ending{o.env, o.clusters, o.backup.StateNamespace}.conclude(ctx, o.output, set, err)
	}
	plan, fleet, _, err := o.ahead(ctx, &selection, set, false)
	if err != nil {
		return fmt.Errorf("%w; %s restore %s --map %s=%s goes on from here", err, o.env.DisplayName(), set.Name, from[0].Name, to[0].Name)
	}
	err = o.execute(ctx, fleet, plan, newRestoreProgress(o.env))
	o.env.Note("nothing was deleted in %s; set %s is kept", from[0].Name, set.Name)
	return err
}

// ahead plans the restore of a set, and looks at its target.
func (o *migrateOptions) ahead(ctx context.Context, selection *cli.Selection, set *v1alpha1.BackupExecution, upcoming bool,
) (*v1alpha1.RestoreExecution, restore.Fleet, map[string][]v1alpha1.BackupFinding, error) {
	plan, err := o.planOf(set, o.request)
	if err != nil {
		return nil, restore.Fleet{}, nil, err
	}
	fleet, err := targetsOf(*selection, plan)
	if err != nil {
		return nil, fleet, nil, cli.UsageError(err)
	}
	settings := o.settings
	settings.Upcoming = upcoming
	warnings, err := o.look(ctx, fleet, plan, settings, newRestoreProgress(o.env))
	if m := plan.Spec.Members[0]; err == nil && m.TargetUID == m.SourceUID {
		err = &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%s and %s are one cluster; nothing was changed", m.Source, m.Target)}
	}
	return plan, fleet, warnings, err
}
