package fleet

import (
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// printSteps prints what is done to which object of which cluster. In every
// format but tables it is the objects themselves, ready to be applied by others,
// each with its cluster; never with a token.
func printSteps(env *cli.Env, output cli.Output, steps []karmada.Step, t tense) error {
	if output.Format.IsTable() {
		return stepTable(env.Out, steps, t, output)
	}
	printer, err := output.ListPrinter(env)
	if err != nil {
		return err
	}
	for _, s := range steps {
		object := s.Object.DeepCopy()
		object.SetManagedFields(nil)
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[v1alpha1.ClusterAnnotation] = s.Cluster
		object.SetAnnotations(annotations)
		if err := printer.Print(s.Cluster, object); err != nil {
			return err
		}
	}
	return printer.Close(nil)
}

func stepTable(w io.Writer, steps []karmada.Step, t tense, output cli.Output) error {
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Cluster", Type: "string"}, {Name: "Action", Type: "string"}, {Name: "Kind", Type: "string"},
		{Name: "Namespace", Type: "string"}, {Name: "Name", Type: "string", Format: "name"}, {Name: "Why", Type: "string"},
	}}
	for _, s := range steps {
		action := strings.ToLower(string(s.Action))
		if t == dry && s.Changes() {
			action += " (dry run)"
		}
		namespace := s.Object.GetNamespace()
		if namespace == "" {
			namespace = "-"
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{s.Cluster, action, s.Object.GetKind(), namespace, s.Object.GetName(), s.Why}})
	}
	return printers.Table(w, table, output.Table())
}

// unchanged is what a plan that failed comes to, where it was to change something.
const unchanged = "nothing was changed: all clusters or none"

// sayPlanFailures says why nothing was begun: a refusal, if each was one.
func sayPlanFailures(env *cli.Env, failures []fanout.Failure, comesTo string) error {
	env.SayFailures(failures)
	code := cli.ExitRefused
	for _, f := range failures {
		if !isRefusal(f.Err) && member.ReasonOf(f.Err) != member.ReasonRefused {
			code = cli.ExitFailed
		}
	}
	env.Note("%s", comesTo)
	return &cli.Error{Code: code}
}
