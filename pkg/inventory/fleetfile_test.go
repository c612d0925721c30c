package inventory_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

const goodFleetFile = `apiVersion: kubectl-fleet.io/v1alpha1
kind: FleetConfig
currentFleet: prod
fleets:
- name: prod
  members:
  - {name: east, context: admin@east, labels: {env: prod}}
  - {context: admin@west}
- name: lab
  members: []
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadFleetFile(t *testing.T) {
	config, unknown, err := inventory.ReadFleetFile(write(t, goodFleetFile))
	if err != nil || len(unknown) > 0 {
		t.Fatal(err, unknown)
	}
	prod, err := inventory.FindFleet(config, "prod")
	if err != nil || len(prod.Members) != 2 || prod.Members[0].Labels["env"] != "prod" || config.CurrentFleet != "prod" {
		t.Errorf("%+v, %v", prod, err)
	}
	if _, err := inventory.FindFleet(config, "stage"); err == nil || !strings.Contains(err.Error(), "prod, lab") {
		t.Errorf("an unknown fleet: %v, want the names there are", err)
	}
}

func TestAMissingFleetFileIsNoError(t *testing.T) {
	config, _, err := inventory.ReadFleetFile(filepath.Join(t.TempDir(), "none.yaml"))
	if config != nil || err != nil {
		t.Errorf("%v, %v", config, err)
	}
}

func TestReadFleetFileSaysWhatItDoesNotKnow(t *testing.T) {
	_, unknown, err := inventory.ReadFleetFile(write(t, strings.Replace(goodFleetFile, "labels:", "lables:", 1)))
	if err != nil || len(unknown) != 1 || !strings.Contains(unknown[0], "lables") {
		t.Errorf("%v, %q: want the misspelt field named", err, unknown)
	}
}

func TestReadFleetFileRefuses(t *testing.T) {
	for what, text := range map[string]string{
		"another kind":      strings.Replace(goodFleetFile, "FleetConfig", "Config", 1),
		"a newer version":   strings.Replace(goodFleetFile, "v1alpha1", "v2", 1),
		"no YAML":           "{",
		"a fleet twice":     strings.Replace(goodFleetFile, "name: lab", "name: prod", 1),
		"no context":        strings.Replace(goodFleetFile, "context: admin@west", "name: west", 1),
		"a bad member name": strings.Replace(goodFleetFile, "name: east", "name: East", 1),
		"a member twice":    strings.Replace(goodFleetFile, "{context: admin@west}", "{name: east, context: admin@west}", 1),
	} {
		path := write(t, text)
		if _, _, err := inventory.ReadFleetFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names the file", what, err)
		}
	}
}
