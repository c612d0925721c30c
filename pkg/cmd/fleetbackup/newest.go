package fleetbackup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// isPolicy is true for the text of a policy, and not of a set.
func isPolicy(text []byte) bool {
	var is metav1.TypeMeta
	return yaml.Unmarshal(text, &is) == nil && is.Kind == v1alpha1.BackupScheduleKind
}

// findNewest finds the newest set of a policy that is complete and good enough for it, as
// the policy's members remember it, and says which it is. All members of a set remember it:
// one that is lost keeps nobody from finding it.
func (f *manifestFlags) findNewest(ctx context.Context, env *cli.Env, clusters *cli.ClusterFlags, text []byte, name string) (*v1alpha1.BackupExecution, error) {
	p, err := policy.Load(text)
	switch {
	case err != nil:
		return nil, cli.UsageError(fmt.Errorf("-f %s: %w", f.file, err))
	case name != "":
		return nil, cli.UsageError(fmt.Errorf("-f %s is policy %s, whose newest good set is meant: leave %s away, or -f", f.file, p.Name, name))
	}
	selection, err := clusters.SelectListed(ctx) // the members, whichever are chosen
	if err != nil {
		return nil, err
	}
	defer selection.Warnings.Say(env)
	selection.Clusters = slices.DeleteFunc(slices.Clone(selection.Clusters), func(c inventory.Cluster) bool {
		return !slices.ContainsFunc(members(p), func(member string) bool { return member == c.Name || member == c.Context })
	})
	if len(selection.Clusters) == 0 {
		return nil, cli.UsageError(fmt.Errorf("no member of policy %s is there; they are %s", p.Name, strings.Join(members(p), ", ")))
	}
	line := selection.ShowWaiting(env)
	sets, failures := backup.List(ctx, fleetOf(&selection), f.namespace)
	line.Done()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	found, newer := backup.FindNewest(p, sets)
	if found == nil {
		env.SayFailures(failures)
		none := &cli.Error{Code: cli.ExitFailed, Err: fmt.Errorf("no member that answers remembers a set of policy %s that is complete and %s or better", p.Name, p.Spec.MinimumGrade)}
		if len(newer) > 0 {
			none.Hint = "the newest is " + worthOf(&newer[0].Execution) + ": name it, if that is the one"
		}
		return nil, none
	}
	note := pointOf(&found.Execution) + " is the newest set of " + p.Name + " that is complete and " + string(p.Spec.MinimumGrade) + " or better"
	if len(newer) > 0 {
		note += "; newer is " + worthOf(&newer[0].Execution)
	}
	if len(failures) > 0 {
		var silent []string
		for _, failure := range failures {
			silent = append(silent, failure.Cluster)
		}
		note += "; " + strings.Join(silent, ", ") + " was not heard"
	}
	env.Note("%s", note)
	return &found.Execution, nil
}

// worthOf is a set with what it is worth.
func worthOf(e *v1alpha1.BackupExecution) string {
	text := e.Name + ", which is " + stateOf(e)
	if e.Status.Phase == v1alpha1.BackupSealed && !e.Status.Complete {
		text += " and not complete"
	}
	return text
}
