package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// live are objects of a cluster that others are to have, too.
type live struct {
	from  string
	items []query.Item
}

// parseLive reads TYPE/NAME... and --from, of which both are needed.
func parseLive(args []string, from string) (live, error) {
	l := live{from: from}
	switch {
	case len(args) == 0 && from == "":
		return l, nil
	case len(args) == 0:
		return l, errors.New("--from needs to know what: TYPE/NAME")
	case from == "":
		return l, fmt.Errorf("what is %q? name the objects with -f or -k, or say which cluster has them with --from", args[0])
	}
	items, err := query.ParseItems(args)
	if err != nil {
		return l, err
	}
	for _, item := range items {
		if len(item.Names) == 0 {
			return l, fmt.Errorf("%s: name the objects: TYPE/NAME", item.Type)
		}
	}
	l.items = items
	return l, query.Request{Items: items}.Validate()
}

// name is what the set is called if nobody says so; empty for several objects.
func (l live) name() string {
	if len(l.items) != 1 || len(l.items[0].Names) != 1 {
		return ""
	}
	return strings.ReplaceAll(l.items[0].Names[0], ".", "-")
}

// readLive reads the objects from their cluster.
func (o *propagateOptions) readLive(ctx context.Context) ([]manifest.Object, error) {
	m, err := o.clusters.Named(ctx, o.live.from)
	if err != nil {
		return nil, err
	}
	namespace := o.options.Namespace
	if namespace == "" {
		namespace = m.Cluster().Namespace
	}
	if namespace == "" {
		namespace = "default"
	}
	var objects []manifest.Object
	for _, item := range o.live.items {
		r, err := m.Resource(ctx, item.Type)
		if err != nil {
			return nil, o.notRead(m, err)
		}
		for _, name := range item.Names {
			at := namespace
			if !r.Namespaced {
				at = ""
			}
			found, err := m.Object(ctx, r, at, name)
			if err != nil {
				return nil, o.notRead(m, err)
			}
			object, err := manifest.FromLive(found, m.Cluster().Name)
			if err != nil {
				return nil, cli.UsageError(err)
			}
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// notRead says that the cluster did not give an object.
func (o *propagateOptions) notRead(m *member.Member, err error) error {
	o.env.SayFailures([]fanout.Failure{{Cluster: m.Cluster().Name, Inventory: m.Cluster().Provider, Err: err}})
	return &cli.Error{Code: cli.ExitFailed}
}
