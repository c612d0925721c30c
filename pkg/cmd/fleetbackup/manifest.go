package fleetbackup

import (
	"errors"
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

// maxManifest bounds what is read, in bytes.
const maxManifest = 64 << 20

// readManifest reads a set's manifest that was kept as a file: by itself, or in a list
// of them.
func readManifest(env *cli.Env, path, set string) (*v1alpha1.BackupExecution, error) {
	if path == "" {
		return nil, cli.UsageError(errors.New("-f with the set's manifest is needed"))
	}
	in := env.In
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // the user's own file
		if err != nil {
			return nil, cli.UsageError(err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return nil, cli.UsageError(fmt.Errorf("-f %s: %w", path, err))
	}
	var document struct {
		v1alpha1.BackupExecution `json:",inline"`

		Items []v1alpha1.BackupExecution `json:"items"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, cli.UsageError(fmt.Errorf("-f %s: %w", path, err))
	}
	for _, e := range append(document.Items, document.BackupExecution) {
		if e.Kind == v1alpha1.BackupExecutionKind && e.APIVersion == v1alpha1.APIVersion && e.Name == set {
			return &e, nil
		}
	}
	return nil, cli.UsageError(fmt.Errorf("-f %s has no %s %s of %s", path, v1alpha1.BackupExecutionKind, set, v1alpha1.APIVersion))
}
