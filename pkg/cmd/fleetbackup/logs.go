package fleetbackup

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdLogs(env *cli.Env) *cobra.Command {
	flags := &logsFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "logs SET",
		Short: "Show what Velero logged of a set's Backups, each line with its cluster",
		Long: `Show what Velero logged of a set's Backups, each line with its cluster.

Velero says where the object store has the log, and it is fetched from there: the store must be within reach of this machine.
A log is there when its Backup has ended, and is asked for in the cluster that it is of; where those of other clusters are is said.

With -o json each line is an object with the fields cluster, backup and line.

Exit codes: 0 every log was read; 1 none was, or no cluster remembers the set; 3 some were.`,
		Example: `  # What went wrong
  kubectl fleetbackup logs shop-k3x9 | grep level=error`,
		Args: cobra.ExactArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			switch flags.output {
			case printers.FormatTable, printers.FormatJSON, printers.FormatJSONLines:
			default:
				return cli.UsageError(fmt.Errorf("unknown output format %q; logs have: json, jsonl", flags.output))
			}
			return flags.run(ctx, args[0])
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type logsFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    string
	namespace string
}

func (f *logsFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	flags.StringVarP(&f.output, "output", "o", "", "Output format: json, jsonl (the same: one object a line)")
	addStateNamespace(flags, &f.namespace)
}

func (f *logsFlags) run(ctx context.Context, name string) error {
	selection, err := f.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(f.env)
	line := selection.ShowWaiting(f.env)
	sets, unasked := backup.List(ctx, fleetOf(&selection), f.namespace)
	s, err := backup.Find(sets, name)
	if err != nil {
		line.Done()
		f.env.SayFailures(unasked)
		return missing(f.env, err, sets, len(selection.Clusters), unasked)
	}
	logs := backup.Logs(ctx, fleetOf(&selection), s)
	line.Done()
	failures := relevant(s, unasked)
	for _, r := range logs {
		err := r.Err
		if err == nil {
			err = f.print(r.Cluster.Name, r.Value)
		}
		if isA[*writeError](err) {
			return err
		}
		if err != nil {
			failures = append(failures, fanout.Failure{Cluster: r.Cluster.Name, Err: err})
		}
	}
	f.env.SayFailures(failures)
	for _, m := range inBuckets(&s.Execution, s.Silent()) {
		f.env.Note("%s was not asked, or has not answered: the log of %s is in %s; velero backup logs %s reads it by a cluster with a BackupStorageLocation there",
			m.Cluster, m.Backup.Name, m.Location, m.Backup.Name)
	}
	if verdict := cli.Verdict(len(logs)+len(failures)-len(logs.Failures(nil)), failures); verdict != nil {
		return verdict
	}
	return nil
}

// relevant are the failures of clusters that took part in a set.
func relevant(s backup.Set, failures []fanout.Failure) []fanout.Failure {
	silent := s.Silent()
	return slices.DeleteFunc(slices.Clone(failures), func(f fanout.Failure) bool { return !slices.Contains(silent, f.Cluster) })
}

// writeError is that nobody reads what we write any more.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

func (e *writeError) Unwrap() error { return e.err }

// print prints a log, each line with its cluster.
func (f *logsFlags) print(cluster string, log backup.Log) error {
	defer func() { _ = log.Text.Close() }()
	for lines := bufio.NewReader(log.Text); ; {
		text, err := lines.ReadString('\n')
		if text = strings.TrimSuffix(text, "\n"); text != "" {
			if err := f.printLine(cluster, log.Backup, text); err != nil {
				return &writeError{err}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *logsFlags) printLine(cluster, name, text string) error {
	if f.output == printers.FormatTable {
		line := "[" + cluster + "] " + text
		if f.env.OutTerminal {
			line = printers.Escape(line)
		}
		_, err := io.WriteString(f.env.Out, line+"\n")
		return err
	}
	encoder := json.NewEncoder(f.env.Out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Cluster string `json:"cluster"`
		Backup  string `json:"backup"`
		Line    string `json:"line"`
	}{cluster, name, text})
}
