package fleetbackup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// maxPolicyFile bounds what is read, in bytes.
const maxPolicyFile = 4 << 20

// policyFlags say what is backed up, and how: a file, or what makes the same of flags.
type policyFlags struct {
	env  *cli.Env
	file string

	velero    string
	template  policy.Template
	ttl       time.Duration
	maxFreeze time.Duration
	given     *pflag.FlagSet
}

func (f *policyFlags) addFlags(flags *pflag.FlagSet) {
	f.given = flags
	flags.StringVarP(&f.file, "filename", "f", "", "File with a BackupSchedule; - is stdin")
	flags.StringSliceVar(&f.template.IncludedNamespaces, "include-namespaces", nil, "Namespaces that are backed up")
	flags.StringVarP(&f.template.Selector, "selector", "l", "", "Label selector of what is backed up")
	flags.StringVar(&f.template.StorageLocation, "storage-location", "", "Velero's location in each cluster; its default unless given")
	flags.BoolVar(&f.template.MoveData, "snapshot-move-data", false, "Copy the data of snapshots to the location")
	flags.BoolVar(&f.template.FileSystem, "default-volumes-to-fs-backup", false, "Copy the files of live volumes instead of taking snapshots")
	flags.DurationVar(&f.ttl, "ttl", 0, "How long Velero keeps the Backups; 720h unless given")
	flags.StringVar(&f.velero, "velero-namespace", "", `Namespace of Velero in each cluster (default "velero")`)
	flags.DurationVar(&f.maxFreeze, "max-freeze", 0, "How long anything is held still at most; replaces the policy's")
}

// ofFlags are the flags that a file says.
func ofFlags() []string {
	return []string{"include-namespaces", "selector", "storage-location", "snapshot-move-data", "default-volumes-to-fs-backup", "ttl", "velero-namespace"}
}

// read reads the file; without one it is nil, and name is the policy's.
func (f *policyFlags) read(args []string) (p *v1alpha1.BackupSchedule, name string, err error) {
	if f.file == "" {
		if len(args) == 0 {
			return nil, "", cli.UsageError(errors.New("it needs -f POLICY, or a NAME for a set that flags describe"))
		}
		return nil, args[0], nil
	}
	for _, flag := range ofFlags() {
		if f.given.Changed(flag) {
			return nil, "", cli.UsageError(fmt.Errorf("--%s says what the policy says, too: leave one of them away", flag))
		}
	}
	for _, flag := range []string{"clusters", "cluster-selector"} {
		if f.given.Changed(flag) {
			return nil, "", cli.UsageError(fmt.Errorf("the policy names its members: leave --%s away", flag))
		}
	}
	in := f.env.In
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, "", cli.UsageError(err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPolicyFile))
	if err != nil {
		return nil, "", cli.UsageError(err)
	}
	p, err = policy.Load(text)
	if err != nil {
		return nil, "", cli.UsageError(fmt.Errorf("%s: %w", f.file, err))
	}
	if len(args) > 0 && args[0] != p.Name {
		return nil, "", cli.UsageError(fmt.Errorf("the policy is called %s, and not %s", p.Name, args[0]))
	}
	if f.maxFreeze > 0 {
		p.Spec.MaxFreeze.Duration = f.maxFreeze
		err = asUsage(policy.Complete(p))
	}
	return p, p.Name, err
}

// of is the policy that flags describe, for the selected clusters.
func (f *policyFlags) of(name string, clusters []inventory.Cluster) (*v1alpha1.BackupSchedule, error) {
	names := make([]string, len(clusters))
	for i, c := range clusters {
		names[i] = c.Name
	}
	if len(f.template.IncludedNamespaces) == 0 && f.template.Selector == "" {
		return nil, cli.UsageError(errors.New("it needs --include-namespaces or --selector: a set is of an application ('*' is every namespace)"))
	}
	f.template.TTL = metav1.Duration{Duration: f.ttl}
	spec, err := f.template.Backup()
	if err != nil {
		return nil, cli.UsageError(err)
	}
	p, err := policy.Of(name, names, f.velero, spec)
	if err == nil && f.maxFreeze > 0 {
		p.Spec.MaxFreeze.Duration = f.maxFreeze
		err = policy.Complete(p)
	}
	return p, asUsage(err)
}

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return cli.UsageError(err)
}

// members are the names of a policy's clusters.
func members(p *v1alpha1.BackupSchedule) []string {
	if p == nil {
		return nil
	}
	names := make([]string, len(p.Spec.Members))
	for i, m := range p.Spec.Members {
		names[i] = m.Cluster
	}
	return names
}

func addStateNamespace(flags *pflag.FlagSet, namespace *string) {
	flags.StringVar(namespace, "state-namespace", backup.DefaultStateNamespace, "Namespace in each cluster that remembers the sets")
}

func fleetOf(s *cli.Selection) backup.Fleet {
	return backup.Fleet{Clusters: s.Clusters, Members: s.Members, Fanout: s.Fanout}
}
