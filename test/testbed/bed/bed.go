// Package bed is a testbed: several clusters in one folder, from start to end.
//
// The folder is the bed. It holds bed.json (what the bed is), kubeconfig (a context for each cluster), and a folder for each cluster
// with its certificates, data, logs and the records of its processes. Nothing about a bed is kept anywhere else, so that any process
// can go on with it, whatever became of the one that started it.
package bed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/service"
)

// ErrNone is returned when there is no bed in a folder.
var ErrNone = errors.New("no testbed there: run testbed up")

// Bed is a bed that exists on disk. Its processes may or may not run.
type Bed struct {
	// Dir is the bed's folder, an absolute path.
	Dir      string
	contents contents
}

// contents is the form of bed.json.
type contents struct {
	// Ready is set once up has come to its end; until then the bed is somebody's unfinished work.
	Ready    bool           `json:"ready"`
	Clusters []cluster.Spec `json:"clusters"`
	// Hubs are control planes of add-ons.
	Hubs []cluster.Spec `json:"hubs,omitempty"`
	// Services of add-ons, which several clusters use.
	Services []service.Spec    `json:"services,omitempty"`
	Addons   []string          `json:"addons,omitempty"`
	Programs map[string]string `json:"programs"`
	// Owner is a process with which the bed should end; nil for one that is to stay.
	Owner *process.Identity `json:"owner,omitempty"`
}

// Open reads the bed in a folder, or returns ErrNone.
func Open(dir string) (*Bed, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b := &Bed{Dir: dir}
	raw, err := os.ReadFile(b.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &b.contents); err != nil {
		return nil, fmt.Errorf("read %s: %w", b.file(), err)
	}
	return b, nil
}

// Clusters of the bed, in the order of their names.
func (b *Bed) Clusters() []*cluster.Cluster {
	clusters := make([]*cluster.Cluster, len(b.contents.Clusters))
	for i, s := range b.contents.Clusters {
		clusters[i] = b.cluster(s)
	}
	return clusters
}

// Running are the clusters of the bed, and the hubs of its add-ons behind them.
func (b *Bed) Running() []*cluster.Cluster {
	all := b.Clusters()
	for _, s := range b.contents.Hubs {
		all = append(all, b.cluster(s))
	}
	return all
}

// Services of the bed's add-ons.
func (b *Bed) Services() []*service.Service {
	services := make([]*service.Service, len(b.contents.Services))
	for i, s := range b.contents.Services {
		services[i] = &service.Service{Spec: s, Group: process.Group{Dir: filepath.Join(b.Dir, s.Name)}}
	}
	return services
}

// Cluster finds one by name, a hub too.
func (b *Bed) Cluster(name string) (*cluster.Cluster, error) {
	var names []string
	for _, c := range b.Running() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return nil, fmt.Errorf("no cluster %q in the testbed %s: it has %s", name, b.Dir, strings.Join(names, ", "))
}

// Has tells whether the bed was started with an add-on.
func (b *Bed) Has(addon string) bool { return slices.Contains(b.contents.Addons, addon) }

// Program is the path of a built program that the bed uses, such as kubectl.
func (b *Bed) Program(name string) (string, error) {
	if p, ok := b.contents.Programs[programKey("", name)]; ok {
		return p, nil
	}
	return "", fmt.Errorf("the testbed %s has no program %q", b.Dir, name)
}

// Kubeconfig is the file with a context for each cluster.
func (b *Bed) Kubeconfig() string { return filepath.Join(b.Dir, "kubeconfig") }

// Owned tells whether the bed belongs to a process, and whether that still runs.
func (b *Bed) Owned() (owned, alive bool) {
	o := b.contents.Owner
	return o != nil, o != nil && o.State() != process.Gone
}

func (b *Bed) file() string { return filepath.Join(b.Dir, "bed.json") }

func (b *Bed) cluster(s cluster.Spec) *cluster.Cluster {
	return &cluster.Cluster{Spec: s, Group: process.Group{Dir: filepath.Join(b.Dir, s.Name)}}
}

func (b *Bed) save() error {
	raw, err := json.MarshalIndent(b.contents, "", "  ")
	if err != nil {
		return err
	}
	temp := b.file() + ".new"
	if err := os.WriteFile(temp, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, b.file())
}

// groups are the programs of each cluster, hub and service.
func (b *Bed) groups() []process.Group {
	var groups []process.Group
	for _, c := range b.Running() {
		groups = append(groups, c.Group)
	}
	for _, s := range b.Services() {
		groups = append(groups, s.Group)
	}
	return groups
}

// Units are all programs that were started for the bed.
func (b *Bed) Units() ([]process.Unit, error) {
	var all []process.Unit
	for _, g := range b.groups() {
		units, err := g.Units()
		if err != nil {
			return nil, err
		}
		all = slices.AppendSeq(all, maps.Values(units))
	}
	return all, nil
}

// alive tells whether any process of the bed exists.
func (b *Bed) alive() (bool, error) {
	units, err := b.Units()
	return slices.ContainsFunc(units, func(u process.Unit) bool { return u.State() != process.Gone }), err
}

// programKey keeps the control planes of several versions apart in one map; what all share has no version.
func programKey(version, name string) string {
	if slices.Contains([]string{cluster.APIServer, cluster.ControllerManager, cluster.Scheduler}, name) {
		return name + "@" + version
	}
	return name
}
