package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

func newCmdStatus(env *cli.Env) *cobra.Command {
	flags := &statusFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "status [SET]",
		Short: "Show how the sets that were propagated are in each cluster",
		Long: `Show how the sets that were propagated are in each cluster: which revision is applied, whether all is healthy, and what
somebody has changed since. What has drifted is found by dry runs, which need the right to patch; nothing is written. Only
what the set says can drift: fields and list items that others have added beside it are theirs.

Of sets that a Karmada control plane brings to clusters, --via karmada=CONTEXT shows how they are in each as it knows it, and what
somebody has changed there.`,
		Example: `  # All sets of all clusters
  kubectl fleet status

  # One, with what is not healthy, what has drifted, and the revisions that rollback can bring back
  kubectl fleet status web -o wide

  # As a Karmada control plane knows it
  kubectl fleet status web --via karmada=karmada-apiserver

  # For scripts: the clusters where web is not healthy
  kubectl fleet status web -o json | jq -r '.items[] | select(.current < .objects) | .metadata.annotations["kubectl-fleet.io/cluster"]'`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, completeSets(flags.clusters, &flags.stateNamespace))
	return cmd
}

type statusFlags struct {
	env            *cli.Env
	clusters       *cli.ClusterFlags
	output         cli.OutputFlags
	stateNamespace string
	via            string
}

func (f *statusFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	addStateNamespace(flags, &f.stateNamespace)
	addVia(flags, &f.via)
}

type statusOptions struct {
	env            *cli.Env
	clusters       *cli.ClusterFlags
	output         cli.Output
	stateNamespace string
	set            string
	hub            string // the context of a Karmada control plane; empty without one
}

func (f *statusFlags) toOptions(args []string) (*statusOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &statusOptions{env: f.env, clusters: f.clusters, output: output, stateNamespace: f.stateNamespace}
	if o.hub, err = parseVia(f.via, f.clusters); err != nil {
		return nil, cli.UsageError(err)
	}
	switch len(args) {
	case 0:
	case 1:
		o.set = args[0]
	default:
		return nil, cli.UsageError(errors.New("name one set, or none for all"))
	}
	return o, nil
}

func (o *statusOptions) run(ctx context.Context) error {
	selection, err := selectVia(ctx, o.clusters, o.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	results, err := o.inspect(ctx, selection, fleet)
	if err != nil {
		return err
	}
	var list []v1alpha1.SetStatus
	var failures []fanout.Failure
	var lacking []string
	var back notes
	for _, r := range results {
		_, none := errors.AsType[*direct.NoSetError](r.Err)
		switch {
		case none:
			lacking = append(lacking, r.Cluster.Name)
		case r.Err != nil:
			failures = append(failures, fanout.Failure{Cluster: r.Cluster.Name, Inventory: r.Cluster.Provider, Err: r.Err})
		}
		for i := range r.Value {
			if r.Value[i].Hub && o.hub == "" {
				o.env.Note("%s is a control plane: %s status %s --via karmada=%s shows the set in its clusters", r.Cluster.Name, o.env.DisplayName(), r.Value[i].Name, r.Cluster.Context)
			}
			status := setStatus(r.Cluster.Name, &r.Value[i])
			if status.Phase == v1alpha1.PropagationRolledBack && r.Value[i].Hub == (o.hub != "") {
				back.add(r.Cluster.Name, leftText(&status))
			}
			list = append(list, status)
		}
	}
	back.say(o.env)
	printed := o.print(list, failures)
	return o.conclude(len(results), lacking, failures, len(list), printed)
}

// leftText says what is left of a set that was rolled back to before it was there.
func leftText(s *v1alpha1.SetStatus) string {
	left := "nothing"
	if len(s.Left) > 0 {
		left = "only " + strings.Join(s.Left, ", ")
	}
	return fmt.Sprintf("the set %[1]s was rolled back, and %[2]s is left of it; withdraw %[1]s forgets it", s.Name, left)
}

// inspect asks the clusters, or the hub that brings sets to them.
func (o *statusOptions) inspect(ctx context.Context, selection cli.Selection, fleet propagate.Fleet) (fanout.Results[[]direct.Status], error) {
	var hub inventory.Cluster
	if o.hub != "" {
		var err error
		if hub, err = hubOf(ctx, o.clusters, o.hub); err != nil {
			return nil, err
		}
	}
	line := selection.ShowWaiting(o.env)
	defer line.Done()
	if o.hub != "" {
		return propagate.InspectHub(ctx, fleet, hub, o.stateNamespace, o.set), nil
	}
	return propagate.Inspect(ctx, fleet, o.stateNamespace, o.set), nil
}

func (o *statusOptions) conclude(asked int, lacking []string, failures []fanout.Failure, shown int, printed error) error {
	o.env.SayFailures(failures)
	verdict := cli.Verdict(asked, failures)
	switch {
	case o.set != "" && len(lacking) > 0 && shown > 0:
		o.env.Note("%s: there is no set %s", strings.Join(lacking, ", "), o.set)
	case o.set != "" && len(lacking) > 0 && verdict == nil:
		return o.nowhere(asked)
	case shown == 0 && len(failures) < asked && o.output.Format.IsTable():
		_, _ = fmt.Fprintf(o.env.ErrOut, "No sets found in %s.\n", answering(asked, len(failures)))
	}
	if verdict == nil {
		return printed
	}
	verdict.Err = printed
	return verdict
}

// nowhere says that no cluster has the set, and who else may.
func (o *statusOptions) nowhere(asked int) error {
	if o.hub != "" {
		return &cli.Error{Code: cli.ExitFailed, Err: fmt.Errorf("there is no set %s that karmada=%s brings to %s", o.set, o.hub, clusters(asked)), Hint: "--via direct looks into the clusters themselves"}
	}
	return noSetIn(o.env, o.set, asked)
}

// noSetIn says that none of some clusters has a set, and where it may be.
func noSetIn(env *cli.Env, name string, asked int) error {
	where := "in " + clusters(asked)
	if asked > 1 {
		where = "in any of " + clusters(asked)
	}
	return &cli.Error{
		Code: cli.ExitFailed, Err: fmt.Errorf("there is no set %s %s", name, where),
		Hint: env.DisplayName() + " status lists the sets; those that a Karmada brought are known to it alone: --via karmada=CONTEXT",
	}
}

// setStatus is a status as data.
func setStatus(cluster string, s *direct.Status) v1alpha1.SetStatus {
	status := v1alpha1.SetStatus{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SetStatusKind},
		ObjectMeta: metav1.ObjectMeta{Name: s.Name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: cluster}},
		Revision:   s.Applied, Restores: s.Restores, Phase: string(s.Journal.Phase), By: s.Journal.Run.By, Started: s.Journal.Run.Started,
		Objects: s.Health.Total, Current: s.Health.Current, Waiting: s.Health.Waiting, Left: s.Left, ReadyReplicas: s.Ready, Replicas: s.Wanted,
	}
	for _, n := range s.Journal.Passed {
		if n != s.Applied {
			status.Kept = append(status.Kept, n)
		}
	}
	if s.Applied != s.Journal.Revision {
		status.Pending = s.Journal.Revision
	}
	switch {
	case s.Stopped:
		status.Phase = v1alpha1.PropagationFailed
	case s.Journal.RolledBack && s.Journal.Phase == set.PhaseDone:
		status.Phase = v1alpha1.PropagationRolledBack
	}
	if s.DriftUnknown != nil {
		status.DriftUnknown = s.DriftUnknown.Error()
	}
	for _, d := range s.Drifted {
		status.Drifted = append(status.Drifted, v1alpha1.DriftedObject{
			APIVersion: d.Ref.GroupVersion().String(), Kind: d.Ref.Kind, Namespace: d.Ref.Namespace, Name: d.Ref.Name, Gone: d.Gone, Differences: d.Fields,
		})
	}
	return status
}

func (o *statusOptions) print(list []v1alpha1.SetStatus, failures []fanout.Failure) error {
	if o.output.Format.IsTable() {
		if len(list) == 0 {
			return nil
		}
		return printers.Table(o.env.Out, statusTable(list), o.output.Table())
	}
	items := make([]metav1.Object, len(list))
	for i := range list {
		items[i] = &list[i]
	}
	return cli.PrintItems(o.env, o.output, items, failures)
}

// statusTable has a row for each set of each cluster.
func statusTable(list []v1alpha1.SetStatus) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Set", "Revision", "Phase", "Healthy", "Replicas", "Drifted", "Kept", "Why")}
	table.ColumnDefinitions[7].Priority, table.ColumnDefinitions[8].Priority = 1, 1
	for i := range list {
		s := &list[i]
		drifted := objectCount(len(s.Drifted))
		switch {
		case s.DriftUnknown != "":
			drifted = "<unknown>"
		case len(s.Drifted) == 0:
			drifted = "<none>"
		}
		healthy := fmt.Sprintf("%d/%d", s.Current, s.Objects)
		switch {
		case s.Phase == v1alpha1.PropagationRolledBack:
			healthy = "<none>"
		case s.Objects == 0 && s.DriftUnknown != "":
			healthy = "<unknown>"
		}
		replicas := "<none>"
		if s.Replicas > 0 {
			replicas = fmt.Sprintf("%d/%d", s.ReadyReplicas, s.Replicas)
		}
		kept := make([]string, len(s.Kept))
		for i, n := range s.Kept {
			kept[i] = strconv.Itoa(n)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			s.Annotations[v1alpha1.ClusterAnnotation], s.Name, revisions(s), s.Phase, healthy, replicas, drifted, printers.OrNone(strings.Join(kept, ",")), printers.OrNone(statusWhy(s)),
		}})
	}
	return table
}

// revisions are the one that is applied, and the one that waits for its turn.
func revisions(s *v1alpha1.SetStatus) string {
	text := revisionText(s.Revision, s.Restores)
	if s.Pending != 0 {
		text += fmt.Sprintf(" (%d pending)", s.Pending)
	}
	return text
}

// revisionText is a revision, and which it is the same as if it has brought one back.
func revisionText(revision int, restores *int) string {
	text := strconv.Itoa(revision)
	if restores != nil && *restores != 0 { // else the phase says it
		text += fmt.Sprintf(" (as %d)", *restores)
	}
	return text
}

// statusWhy is what is not as it should be, in one line.
func statusWhy(s *v1alpha1.SetStatus) string {
	why := append([]string{}, s.Waiting...)
	for i := range s.Drifted {
		d := &s.Drifted[i]
		what := d.Kind + "/" + d.Name
		if d.Gone {
			why = append(why, what+" is gone")
		}
		for _, field := range d.Differences {
			before, now := shownValues(field, false)
			why = append(why, fmt.Sprintf("%s %s: %s, not %s", what, field.Path, now, before))
		}
	}
	for _, left := range s.Left {
		why = append(why, left+" is left")
	}
	if s.DriftUnknown != "" {
		why = append(why, s.DriftUnknown)
	}
	return strings.Join(why, "; ")
}
