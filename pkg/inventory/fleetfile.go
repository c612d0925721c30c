package inventory

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// ReadFleetFile reads the user's fleet file. A file that does not exist is
// (nil, nil, nil). unknown lists fields that this release does not know and
// ignores; they are the user's to hear of, since a misspelt "labels" changes
// what a selector matches.
func ReadFleetFile(path string) (config *v1alpha1.FleetConfig, unknown []string, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("fleet file: %w", err)
	}
	return ParseFleetFile(path, raw)
}

// ParseFleetFile reads what a fleet file holds. path is for messages.
func ParseFleetFile(path string, raw []byte) (config *v1alpha1.FleetConfig, unknown []string, err error) {
	config = &v1alpha1.FleetConfig{}
	if err := yaml.Unmarshal(raw, config); err != nil {
		return nil, nil, fmt.Errorf("fleet file %s: %w", path, err)
	}
	if config.Kind == "" && config.APIVersion == "" {
		return nil, nil, fmt.Errorf("fleet file %s has no kind: want apiVersion: %s and kind: %s", path, v1alpha1.APIVersion, v1alpha1.FleetConfigKind)
	}
	if config.Kind != v1alpha1.FleetConfigKind || config.APIVersion != v1alpha1.APIVersion {
		return nil, nil, fmt.Errorf("fleet file %s is %q of %q; this release reads %s of %s",
			path, config.Kind, config.APIVersion, v1alpha1.FleetConfigKind, v1alpha1.APIVersion)
	}
	if err := validateFleets(config); err != nil {
		return nil, nil, fmt.Errorf("fleet file %s: %w", path, err)
	}
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("fleet file %s: %w", path, err)
	}
	strict, err := json.UnmarshalStrict(asJSON, &v1alpha1.FleetConfig{})
	if err != nil {
		return nil, nil, fmt.Errorf("fleet file %s: %w", path, err)
	}
	for _, field := range strict {
		unknown = append(unknown, fmt.Sprintf("fleet file %s: ignored: %s", path, field))
	}
	return config, unknown, nil
}

// NoFleetFileError says that a fleet was named and there is no fleet file.
type NoFleetFileError struct{ Fleet, Path string }

func (e *NoFleetFileError) Error() string {
	return fmt.Sprintf("no fleet is called %q: there is no fleet file %s", e.Fleet, e.Path)
}

// FindFleet returns the fleet of that name, or an error that lists those there
// are.
func FindFleet(config *v1alpha1.FleetConfig, name string) (*v1alpha1.Fleet, error) {
	var names []string
	if config != nil {
		for i := range config.Fleets {
			if config.Fleets[i].Name == name {
				return &config.Fleets[i], nil
			}
			names = append(names, config.Fleets[i].Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no fleet is called %q: the fleet file has no fleets", name)
	}
	return nil, fmt.Errorf("no fleet is called %q; there are: %s", name, strings.Join(names, ", "))
}

func validateFleets(config *v1alpha1.FleetConfig) error {
	fleets := map[string]bool{}
	for _, f := range config.Fleets {
		if f.Name == "" {
			return errors.New("a fleet has no name")
		}
		if fleets[f.Name] {
			return fmt.Errorf("fleet %q appears twice", f.Name)
		}
		fleets[f.Name] = true
		members := map[string]bool{}
		for _, m := range f.Members {
			if m.Context == "" {
				return fmt.Errorf("fleet %q: member %q has no context", f.Name, m.Name)
			}
			if m.Name == "" {
				continue
			}
			if err := ValidateName(m.Name); err != nil {
				return fmt.Errorf("fleet %q: %w", f.Name, err)
			}
			if members[m.Name] {
				return fmt.Errorf("fleet %q: two members are called %q", f.Name, m.Name)
			}
			members[m.Name] = true
		}
	}
	return nil
}
