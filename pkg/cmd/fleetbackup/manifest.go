package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
)

// maxManifest bounds what is read, in bytes.
const maxManifest = 64 << 20

// manifestFlags say where a set's manifest is.
type manifestFlags struct {
	file      string
	namespace string
	// policies: the file may also be a policy, of which the newest good set is meant.
	policies bool
}

func (f *manifestFlags) addFlags(flags *pflag.FlagSet) {
	is := "File with the set's manifest, as describe -o yaml prints it, - is stdin (default: the clusters remember it)"
	if f.policies {
		is = "File with the set's manifest, as describe -o yaml prints it, or with a policy, whose newest good set it is; - is stdin (default: the clusters remember it)"
	}
	flags.StringVarP(&f.file, "filename", "f", "", is)
	addStateNamespace(flags, &f.namespace)
}

// unnamed is the mistake that nothing says which set is meant.
func (f *manifestFlags) unnamed() error {
	if f.policies {
		return cli.UsageError(errors.New("which set? name it, or say -f FILE, with its manifest or its policy"))
	}
	return cli.UsageError(errors.New("which set? name it, or say --at TIME, or -f FILE"))
}

// find reads the manifest of a set from its file, or from what the clusters remember;
// with a time that of the last set by then, whose policy is named, and with the file of a
// policy that of its newest good one.
func (f *manifestFlags) find(ctx context.Context, env *cli.Env, clusters *cli.ClusterFlags, name string, at time.Time) (*v1alpha1.BackupExecution, error) {
	name = backup.NameOf(name)
	if f.file != "" {
		text, err := f.read(env)
		if err != nil {
			return nil, err
		}
		if f.policies && isPolicy(text) {
			return f.findNewest(ctx, env, clusters, text, name)
		}
		return f.in(text, name)
	}
	asked := setFlags{env: env, clusters: clusters, namespace: f.namespace}
	if !at.IsZero() {
		return asked.findAt(ctx, name, at)
	}
	found, failures, err := asked.findNamed(ctx, name)
	if isA[*backup.NotFoundError](err) && clusters.Narrowed() {
		// What is restored into some need not be of them.
		asked.everyone = true
		found, failures, err = asked.findNamed(ctx, name)
	}
	if err != nil {
		env.SayFailures(failures) // of one that is found nothing more could be known
	}
	return found, err
}

// findNamed finds a set by its name, as the clusters remember it.
func (f *setFlags) findNamed(ctx context.Context, name string) (*v1alpha1.BackupExecution, []fanout.Failure, error) {
	sets, failures, done, err := f.listNamed(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	found, err := backup.Find(sets, name)
	return &found.Execution, failures, missing(f.env, err, sets, f.asked, failures)
}

// findAt finds the set that is of a time, or of the last one before it, and says which it
// is. Every cluster must answer: one that does not may know a newer one.
func (f *setFlags) findAt(ctx context.Context, policy string, at time.Time) (*v1alpha1.BackupExecution, error) {
	sets, failures, done, err := f.list(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	found, next, err := backup.FindAt(sets, policy, at)
	f.env.SayFailures(failures)
	switch {
	case err != nil && next != nil:
		return nil, &cli.Error{Code: cli.ExitFailed, Err: err, Hint: "the first one is " + pointOf(&next.Execution)}
	case err != nil:
		return nil, missing(f.env, err, sets, f.asked, failures)
	case len(failures) > 0:
		return nil, &cli.Error{
			Code: cli.ExitRefused, Err: fmt.Errorf("%s is the newest that is known, and not every cluster was heard; nothing was changed", found.Execution.Name),
			Hint: "name it instead of --at, if that is the one",
		}
	}
	point, _ := backup.Point(&found.Execution)
	text := fmt.Sprintf("%s is the last by %s, %s before it", pointOf(&found.Execution), at.UTC().Format(time.RFC3339), at.Sub(point).Round(time.Second))
	if next != nil {
		after, _ := backup.Point(&next.Execution)
		text += fmt.Sprintf("; the next is %s, %s after it", pointOf(&next.Execution), after.Sub(at).Round(time.Second))
	}
	f.env.Note("%s", text)
	return &found.Execution, nil
}

// pointOf is a set with the time that it is of.
func pointOf(e *v1alpha1.BackupExecution) string {
	at, began := backup.Point(e)
	when := "when all was still"
	switch {
	case began:
		when = "when its run began"
	case len(e.Spec.Policy.Spec.Quiesce) == 0:
		when = "when its Backups were asked for"
	}
	return fmt.Sprintf("%s of %s (%s)", e.Name, at.UTC().Format(time.RFC3339), when)
}

// read reads the file.
func (f *manifestFlags) read(env *cli.Env) ([]byte, error) {
	in := env.In
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, cli.UsageError(err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return nil, cli.UsageError(fmt.Errorf("-f %s: %w", f.file, err))
	}
	return text, nil
}

// in finds a set's manifest in the text of a file: by itself, or in a list of them. It needs
// no name where there is no other.
func (f *manifestFlags) in(text []byte, name string) (*v1alpha1.BackupExecution, error) {
	var document struct {
		v1alpha1.BackupExecution `json:",inline"`

		Items []v1alpha1.BackupExecution `json:"items"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, cli.UsageError(fmt.Errorf("-f %s: %w", f.file, policy.Explain(text, &document, err)))
	}
	var found []*v1alpha1.BackupExecution
	for _, e := range append(document.Items, document.BackupExecution) {
		if e.Kind == v1alpha1.BackupExecutionKind && e.APIVersion == v1alpha1.APIVersion && (name == "" || e.Name == name) {
			found = append(found, &e)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, cli.UsageError(fmt.Errorf("-f %s has %d sets: name the one that is meant", f.file, len(found)))
	case name == "":
		return nil, cli.UsageError(fmt.Errorf("-f %s has no %s of %s", f.file, v1alpha1.BackupExecutionKind, v1alpha1.APIVersion))
	}
	return nil, cli.UsageError(fmt.Errorf("-f %s has no %s %s of %s", f.file, v1alpha1.BackupExecutionKind, name, v1alpha1.APIVersion))
}
