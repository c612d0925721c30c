package fleetbackup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/preflight"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// refusal is something that speaks against a run, in some clusters.
type refusal struct {
	clusters []string
	finding  v1alpha1.BackupFinding
}

// refusals are in the order in which they were found.
type refusals []refusal

// add adds what was found in a cluster. What others have, too, is one.
func (r *refusals) add(cluster string, found []v1alpha1.BackupFinding) {
	for _, f := range found {
		i := slices.IndexFunc(*r, func(known refusal) bool { return known.finding == f })
		if i < 0 {
			i = len(*r)
			*r = append(*r, refusal{finding: f})
		}
		(*r)[i].clusters = append((*r)[i].clusters, cluster)
	}
}

// say says each, with what a person can do about it.
func (r *refusals) say(env *cli.Env) {
	for _, one := range *r {
		_, _ = fmt.Fprintln(env.ErrOut, printers.Escape(fmt.Sprintf("refused: %s: %s: %s", strings.Join(one.clusters, ", "), one.finding.Check, one.finding.Message)))
		if one.finding.Fix == "" {
			continue
		}
		for line := range strings.Lines("fix: " + one.finding.Fix) {
			_, _ = fmt.Fprintln(env.ErrOut, "  "+printers.Escape(strings.TrimSuffix(line, "\n")))
		}
	}
}

// unknown is what cannot be looked at, or seen to, by somebody who goes on all the same.
func unknown(plan *backup.Plan) []string {
	found := refusals{}
	for i := range plan.Members {
		found.add(plan.Members[i].Cluster, slices.DeleteFunc(slices.Clone(plan.Members[i].Warnings), func(f v1alpha1.BackupFinding) bool {
			return f.Check != preflight.CheckRights && f.Check != preflight.CheckOptional
		}))
	}
	texts := make([]string, len(found))
	for i, one := range found {
		texts[i] = fmt.Sprintf("%s: %s: %s", strings.Join(one.clusters, ", "), one.finding.Check, one.finding.Message)
	}
	return texts
}

// refuse says why a set cannot be made; nil if it can.
func refuse(env *cli.Env, plan *backup.Plan) error {
	err := plan.Refusal()
	if err == nil {
		return nil
	}
	found := refusals{}
	for i := range plan.Members {
		if m := &plan.Members[i]; m.Required && m.Err == nil {
			found.add(m.Cluster, m.Refusals)
		}
	}
	failures := unlooked(plan)
	if len(found) == 0 && len(failures) == 0 { // it is of the whole
		return refused(err)
	}
	env.SayFailures(failures)
	found.say(env)
	return &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed")}
}
