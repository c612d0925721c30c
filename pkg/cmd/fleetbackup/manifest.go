package fleetbackup

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
)

// maxManifest bounds what is read, in bytes.
const maxManifest = 64 << 20

// manifestFlags say where a set's manifest is.
type manifestFlags struct {
	file      string
	namespace string
}

func (f *manifestFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&f.file, "filename", "f", "", "File with the set's manifest, as describe -o yaml prints it, - is stdin (default: the clusters remember it)")
	addStateNamespace(flags, &f.namespace)
}

// find reads the manifest of a set from its file, or from what the clusters remember;
// with a time that of the newest set that was sealed by then, whose policy is named.
func (f *manifestFlags) find(ctx context.Context, env *cli.Env, clusters *cli.ClusterFlags, name string, at time.Time) (*v1alpha1.BackupExecution, error) {
	if f.file != "" {
		return f.read(env, name)
	}
	asked := setFlags{env: env, clusters: clusters, namespace: f.namespace}
	list := asked.list
	if at.IsZero() {
		list = func(ctx context.Context) ([]backup.Set, []fanout.Failure, func(), error) {
			return asked.listNamed(ctx, name)
		}
	}
	sets, failures, done, err := list(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var found backup.Set
	if at.IsZero() {
		found, err = backup.Find(sets, name)
	} else {
		found, err = backup.FindAt(sets, name, at)
	}
	// Who does not answer may know a newer one. One that is named is what it is.
	if err != nil || !at.IsZero() {
		env.SayFailures(failures)
	}
	if err == nil && !at.IsZero() && len(failures) > 0 {
		err = &cli.Error{
			Code: cli.ExitRefused, Err: fmt.Errorf("%s is the newest that is known, and not every cluster was heard; nothing was changed", found.Execution.Name),
			Hint: "name it instead of --at, if that is the one",
		}
	}
	return &found.Execution, err
}

// read reads a set's manifest that was kept as a file: by itself, or in a list of them.
func (f *manifestFlags) read(env *cli.Env, name string) (*v1alpha1.BackupExecution, error) {
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
	var document struct {
		v1alpha1.BackupExecution `json:",inline"`

		Items []v1alpha1.BackupExecution `json:"items"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, cli.UsageError(fmt.Errorf("-f %s: %w", f.file, err))
	}
	for _, e := range append(document.Items, document.BackupExecution) {
		if e.Kind == v1alpha1.BackupExecutionKind && e.APIVersion == v1alpha1.APIVersion && e.Name == name {
			return &e, nil
		}
	}
	return nil, cli.UsageError(fmt.Errorf("-f %s has no %s %s of %s", f.file, v1alpha1.BackupExecutionKind, name, v1alpha1.APIVersion))
}
