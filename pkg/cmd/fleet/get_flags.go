package fleet

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

type getFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags

	namespace       string
	allNamespaces   bool
	selector        string
	fieldSelector   string
	labelColumns    []string
	showLabels      bool
	showKind        bool
	noClusterColumn bool
	sortBy          string
	limit           int
	ignoreNotFound  bool
	chunkSize       int64
	subresource     string
	managedFields   bool
	raw             string
	watch           bool
	watching        query.WatchOptions
	usage           bool
}

func newGetFlags(env *cli.Env) *getFlags {
	return &getFlags{env: env, clusters: cli.NewClusterFlags(env), chunkSize: query.DefaultChunkSize}
}

func (f *getFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "All namespaces")
	flags.StringVarP(&f.selector, "selector", "l", "", "Label selector of the objects, such as app=web,tier!=cache")
	flags.StringVar(&f.fieldSelector, "field-selector", "", "Field selector of the objects, such as status.phase!=Running; what a type supports is the server's choice")
	flags.StringSliceVarP(&f.labelColumns, "label-columns", "L", nil, "Labels to show, each as a column")
	flags.BoolVar(&f.showLabels, "show-labels", false, "Show all labels as the last column")
	flags.BoolVar(&f.showKind, "show-kind", false, "Show the kind before each name")
	flags.BoolVar(&f.noClusterColumn, "no-cluster-column", false, "Leave out the column CLUSTER")
	flags.StringVar(&f.sortBy, "sort-by", "", "Sort the objects of all clusters by this JSONPath, such as .status.startTime")
	flags.IntVar(&f.limit, "limit", 0, "Show at most so many objects, over all clusters and after sorting; 0 for all")
	flags.BoolVar(&f.ignoreNotFound, "ignore-not-found", false, "Take it for success if a named object is nowhere")
	flags.Int64Var(&f.chunkSize, "chunk-size", f.chunkSize, "How many objects are asked for at once; 0 for all")
	flags.StringVar(&f.subresource, "subresource", "", "Subresource of the named objects, such as status or scale")
	flags.BoolVar(&f.managedFields, "show-managed-fields", false, "Keep the managed fields in objects")
	flags.StringVar(&f.raw, "raw", "", "Path to ask the API servers for as it is, such as /readyz?verbose")
	flags.BoolVarP(&f.watch, "watch", "w", false, "Go on and show each change. A cluster that is lost is tried again, and resumed where it was")
	flags.BoolVar(&f.watching.Only, "watch-only", false, "Show changes, and not what there is already")
	flags.BoolVar(&f.watching.EventColumn, "output-watch-events", false, "With --watch: show what happened, ADDED, MODIFIED or DELETED; in tables as the first column")
	flags.BoolVar(&f.usage, "usage", false, "With the roster: requested of allocatable CPU and memory. Reads every node and pod")
}

// rosterType is the one type that is not the clusters' own.
const rosterType = "clusters"

func (f *getFlags) toOptions(args []string) (*getOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &getOptions{env: f.env, clusters: f.clusters, output: output, ignoreNotFound: f.ignoreNotFound}
	switch {
	case f.raw != "":
		err = f.toRaw(o, args)
	case len(args) == 0 || args[0] == rosterType:
		err = f.toRoster(o, args)
	default:
		err = f.toRequest(o, args)
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return o, nil
}

// forObjects are the flags that mean nothing without a resource type.
func forObjects() []string {
	return []string{
		"namespace", "all-namespaces", "selector", "field-selector", "label-columns", "show-labels", "show-kind", "no-cluster-column",
		"sort-by", "limit", "ignore-not-found", "chunk-size", "subresource", "show-managed-fields", "watch", "watch-only", "output-watch-events",
	}
}

func (f *getFlags) toRoster(o *getOptions, args []string) error {
	for _, name := range forObjects() {
		if f.flags.Changed(name) {
			return errors.New("--" + name + " needs a resource type: it is about objects, and the roster has none")
		}
	}
	o.roster, o.probing = true, query.RosterOptions{Usage: f.usage}
	o.names = args[min(1, len(args)):]
	return nil
}

func (f *getFlags) toRaw(o *getOptions, args []string) error {
	for _, name := range append(forObjects(), "output", "usage") {
		if f.flags.Changed(name) {
			return errors.New("--raw cannot be combined with --" + name)
		}
	}
	if len(args) > 0 {
		return errors.New("--raw asks for a path; it takes no resource type")
	}
	if f.raw[0] != '/' {
		return errors.New("--raw needs a path that begins with /")
	}
	o.raw = f.raw
	return nil
}

func (f *getFlags) toRequest(o *getOptions, args []string) error {
	for _, name := range []string{"namespace", "sort-by", "subresource"} {
		if flag := f.flags.Lookup(name); flag.Changed && flag.Value.String() == "" {
			return errors.New("--" + name + " is empty: leave it away")
		}
	}
	if f.usage {
		return errors.New("--usage is for the roster: leave the resource type away")
	}
	items, err := query.ParseItems(args)
	if err != nil {
		return err
	}
	if _, err := labels.Parse(f.selector); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	if _, err := fields.ParseSelector(f.fieldSelector); err != nil {
		return fmt.Errorf("--field-selector: %w", err)
	}
	switch {
	case f.limit < 0:
		return fmt.Errorf("--limit must not be less than 0, is %d", f.limit)
	case f.chunkSize < 0:
		return fmt.Errorf("--chunk-size must not be less than 0, is %d", f.chunkSize)
	}
	o.request = query.Request{
		Items: items, Namespace: f.namespace, AllNamespaces: f.allNamespaces,
		LabelSelector: f.selector, FieldSelector: f.fieldSelector, Subresource: f.subresource,
		ChunkSize: f.chunkSize, SortBy: f.sortBy, Limit: f.limit, ManagedFields: f.managedFields,
		Columns: query.Columns{Cluster: !f.noClusterColumn, Kind: f.showKind, Labels: f.labelColumns, AllLabels: f.showLabels},
	}
	if f.watch || f.watching.Only {
		o.watch, o.watching = true, f.watching
		return f.validateWatch(o)
	}
	if f.watching.EventColumn {
		return errors.New("--output-watch-events needs --watch or --watch-only")
	}
	return o.request.Validate()
}

func (f *getFlags) validateWatch(o *getOptions) error {
	for _, name := range []string{"sort-by", "limit", "subresource", "ignore-not-found"} {
		if f.flags.Changed(name) {
			return errors.New("--watch cannot be combined with --" + name)
		}
	}
	o.watching.Objects = !o.output.Format.IsTable()
	if len(o.request.Items) != 1 || len(o.request.Items[0].Names) > 1 {
		return errors.New("--watch follows one resource type, or one object")
	}
	return o.request.Validate()
}
