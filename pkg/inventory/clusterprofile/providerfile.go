package clusterprofile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"
	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// Programs are the credential plugins that the user lets stand for access
// providers, in the order of preference.
type Programs []program

// program is one entry of a provider file, whose format is that of
// sigs.k8s.io/cluster-inventory-api.
type program struct {
	Name string `json:"name"`
	// Exec is how the plugin is run. What a profile would add to its arguments
	// and environment is ignored, whatever the file's policies say.
	Exec *apiv1.ExecConfig `json:"execConfig"`
}

// ReadProgramsFile reads a provider file. A program named by a relative path is
// relative to the file, as in a kubeconfig.
func ReadProgramsFile(path string) (Programs, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("access providers: %w", err)
	}
	var file struct {
		Providers Programs `json:"providers"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("access providers %s: %w", path, err)
	}
	if len(file.Providers) == 0 {
		return nil, fmt.Errorf("access providers %s: there are none", path)
	}
	for _, p := range file.Providers {
		if p.Name == "" || p.Exec == nil || p.Exec.Command == "" || p.Exec.APIVersion == "" {
			return nil, fmt.Errorf("access providers %s: %q needs a name and an execConfig with apiVersion and command", path, p.Name)
		}
		if strings.ContainsRune(p.Exec.Command, filepath.Separator) && !filepath.IsAbs(p.Exec.Command) {
			if p.Exec.Command, err = filepath.Abs(filepath.Join(filepath.Dir(path), p.Exec.Command)); err != nil {
				return nil, fmt.Errorf("access providers %s: %w", path, err)
			}
		}
	}
	return file.Providers, nil
}

// exec is the program as client-go runs it. It never asks a person: a profile
// decides when it is run.
func (p program) exec() *api.ExecConfig {
	e := &api.ExecConfig{
		APIVersion: p.Exec.APIVersion, Command: p.Exec.Command, Args: slices.Clone(p.Exec.Args),
		InstallHint: p.Exec.InstallHint, ProvideClusterInfo: p.Exec.ProvideClusterInfo,
		InteractiveMode: api.NeverExecInteractiveMode,
	}
	for _, variable := range p.Exec.Env {
		e.Env = append(e.Env, api.ExecEnvVar{Name: variable.Name, Value: variable.Value})
	}
	return e
}
