package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdScheduleExport(env *cli.Env) *cobra.Command {
	flags := &exportFlags{policy: policyFlags{env: env}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print what makes a policy's sets without a person: a CronJob, or Velero's own Schedules",
		Long: `Print what makes a policy's sets without a person. No cluster is asked.

--format cronjob is a CronJob that runs run-due, for a cluster that should be none of the members: what is lost with it is lost
twice. It expects a Secret of its name with a kubeconfig under the key config: of somebody in each member who has the roles that
rbac schedule prints. --format schedules is a plain Schedule of Velero's
for each member; their Backups are each of their own time, and make no set.

--as FORMAT is the same as --format. With other commands --as says as whom the clusters are asked; this one asks none.`,
		Example: `  # For the cluster of the operators' tools
  kubectl fleetbackup schedule export -f shop.yaml --format cronjob --image registry.example/fleetbackup:1 | kubectl --context tools apply -f -

  # Who wants just that
  kubectl fleetbackup schedule export -f shop.yaml --format schedules`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(context.Context, []string) error { return flags.run(env) }),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

// The formats that a policy is exported in.
const (
	formatCronJob   = "cronjob"
	formatSchedules = "schedules"
)

type exportFlags struct {
	policy     policyFlags
	format     string
	as         string
	image      string
	namespace  string
	perCluster bool
	noDeadman  bool
}

func (f *exportFlags) addFlags(flags *pflag.FlagSet) {
	f.policy.given = flags
	flags.StringVarP(&f.policy.file, "filename", "f", "", "File with a BackupSchedule; - is stdin")
	flags.StringVar(&f.format, "format", "", `"cronjob": a CronJob that runs run-due; "schedules": plain Schedules of Velero's, one for each member`)
	flags.StringVar(&f.as, "as", "", "The same as --format; no cluster is asked, as whomever")
	flags.StringVar(&f.image, "image", "", "Image of the CronJob, with kubectl-fleetbackup on its PATH")
	flags.StringVarP(&f.namespace, "namespace", "n", backup.DefaultStateNamespace, "Namespace of the CronJob")
	flags.BoolVar(&f.perCluster, "per-cluster", false, "The same as --format schedules")
	flags.BoolVar(&f.noDeadman, "allow-no-deadman", false, "Allow scale and patch actions, as create does with it: the CronJob says so, too")
}

// chosen is the one format that the flags say.
func (f *exportFlags) chosen() (string, error) {
	said := []string{f.format, f.as}
	if f.perCluster {
		said = append(said, formatSchedules)
	}
	said = slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(said, func(text string) bool { return text == "" }))))
	switch {
	case len(said) == 0:
		return "", errors.New("it needs --format cronjob or --format schedules")
	case len(said) > 1:
		return "", fmt.Errorf("one format, and not %s", strings.Join(said, " and "))
	case said[0] == formatCronJob || said[0] == formatSchedules:
		return said[0], nil
	case f.as != "":
		return "", fmt.Errorf("--as is %q: here it is the same as --format, cronjob or schedules; no cluster is asked, and so as nobody", f.as)
	}
	return "", fmt.Errorf("--format is %q: want cronjob or schedules", f.format)
}

func (f *exportFlags) run(env *cli.Env) error {
	format, err := f.chosen()
	if err != nil {
		return cli.UsageError(err)
	}
	p, _, err := f.policy.read(nil)
	switch {
	case err != nil:
		return err
	case p.Spec.Cron == "":
		return cli.UsageError(fmt.Errorf("policy %s has no spec.cron", p.Name))
	case format == formatCronJob && f.image == "":
		return cli.UsageError(errors.New("a CronJob needs an --image"))
	}
	if format == formatCronJob {
		text, err := backup.CronJob(p, f.image, f.namespace, f.noDeadman)
		if err != nil {
			return refused(err)
		}
		_, err = io.WriteString(env.Out, text)
		return err
	}
	schedules, err := backup.Schedules(p)
	if err != nil {
		return err
	}
	for i, cluster := range slices.Sorted(maps.Keys(schedules)) {
		if i > 0 {
			_, _ = fmt.Fprintln(env.Out, "---")
		}
		if _, err := fmt.Fprintf(env.Out, "# for cluster %s\n%s", cluster, schedules[cluster]); err != nil {
			return err
		}
	}
	return nil
}
