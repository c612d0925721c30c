package fleetbackup

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdDescribe(env *cli.Env) *cobra.Command {
	flags := &setFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "describe SET",
		Short: "Show how a set came to be: when each member was still, cut and released",
		Long: `Show how a set came to be: when each member was still, cut and released, what it holds, and why it is no better.

In the timeline q is a member that is being held still, = one that is still, # one whose cut is under way, r one that is being
released. The bars mark when everything was still, and when the first was released: a set is quiesced if all # are between them.`,
		Example: `  # One set
  kubectl fleetbackup describe shop-k3x9

  # Its whole manifest
  kubectl fleetbackup describe shop-k3x9 -o yaml`,
		Args: cobra.ExactArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			return flags.describe(ctx, output, args[0])
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

func (f *setFlags) describe(ctx context.Context, output cli.Output, name string) error {
	sets, failures, done, err := f.listNamed(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	one, err := backup.Find(sets, name)
	f.env.SayFailures(failures)
	if err != nil {
		return missing(f.env, err, sets, f.asked, failures)
	}
	if !output.Format.IsTable() {
		if err := printSets(f.env, output, []*v1alpha1.BackupExecution{&one.Execution}, failures); err != nil {
			return err
		}
		return f.verdict(failures)
	}
	text := &strings.Builder{}
	describeSet(text, &one.Execution)
	if _, err := io.WriteString(f.env.Out, printers.Escape(text.String())); err != nil {
		return err
	}
	return f.verdict(failures)
}

func describeSet(w io.Writer, e *v1alpha1.BackupExecution) {
	s := e.Status
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	field := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(table, "%s:\t%s\n", name, value)
		}
	}
	field("Set", e.Name)
	field("Policy", e.Spec.Policy.Name+" ("+e.Spec.PolicyHash+")")
	field("Begun", s.Started.UTC().Format(time.RFC3339)+by(e))
	field("Phase", string(s.Phase))
	if s.Grade != "" {
		complete := "complete"
		if !s.Complete {
			complete = "partial"
		}
		field("Grade", fmt.Sprintf("%s, %s, %s members", gradeText(s.Grade, s.Covers), complete, membersIn(e)))
	}
	field("Why", whyOf(e))
	if s.FrozenMillis != nil {
		field("Frozen", fmt.Sprintf("%s; barrier width %s; cut span %s", span(s.FrozenMillis), span(s.BarrierWidthMillis), span(s.CutSpanMillis)))
	}
	if !s.Expires.IsZero() {
		field("Expires", s.Expires.UTC().Format(time.RFC3339))
	}
	_ = table.Flush()
	timeline(w, e)
	_, _ = fmt.Fprintln(w)
	table = tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "CLUSTER\tBACKUP\tPHASE\tITEMS\tLOCATION\tVOLUMES\tHOLDS\tMISSING")
	for _, m := range s.Members {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d/%d\t%s\t%d\t%s\t%s\n", m.Cluster, m.Backup.Name, printers.OrNone(m.Backup.Phase), m.Backup.Items, m.Backup.Total,
			printers.OrNone(strings.Trim(m.Location.Bucket+"/"+m.Location.Prefix, "/")), len(m.Volumes), printers.OrNone(holdsIn(m)), printers.OrNone(m.Missing))
	}
	_ = table.Flush()
	describeVolumes(w, s.Members)
}

// describeVolumes shows how each volume was taken, and what the storage calls it.
func describeVolumes(w io.Writer, members []v1alpha1.MemberExecution) {
	if !slices.ContainsFunc(members, func(m v1alpha1.MemberExecution) bool { return len(m.Volumes) > 0 }) {
		return
	}
	_, _ = fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "CLUSTER\tVOLUME\tMETHOD\tDRIVER\tTAKEN\tHANDLE\tMISSING")
	for _, m := range members {
		for _, v := range m.Volumes {
			taken := printers.None
			if !v.Taken.IsZero() {
				taken = v.Taken.UTC().Format("2006-01-02T15:04:05.000Z")
			}
			method := v.Method
			if v.Moved {
				method += ", moved"
			}
			_, _ = fmt.Fprintf(table, "%s\t%s/%s\t%s\t%s\t%s\t%s\t%s\n", m.Cluster, v.Namespace, v.Claim, method,
				printers.OrNone(v.Driver), taken, printers.OrNone(v.Handle), printers.OrNone(v.Skipped))
		}
	}
	_ = table.Flush()
}

func by(e *v1alpha1.BackupExecution) string {
	if e.Spec.By == "" {
		return ""
	}
	return " by " + e.Spec.By
}

// holdsIn are a member's holds by their state, such as "2 Released".
func holdsIn(m v1alpha1.MemberExecution) string {
	var parts []string
	for _, state := range []v1alpha1.HoldState{v1alpha1.HoldPlanned, v1alpha1.HoldArmed, v1alpha1.HoldFrozen, v1alpha1.HoldReleased, v1alpha1.HoldBroken} {
		n := 0
		for _, h := range m.Holds {
			if h.State == state {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(parts, ", ")
}
