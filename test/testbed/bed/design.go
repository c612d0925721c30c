package bed

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// design decides what the bed will be and builds what it takes. Nothing is started.
func design(ctx context.Context, o Options) (*Bed, error) {
	b := &Bed{Dir: o.Dir, contents: contents{Owner: o.Owner, Programs: map[string]string{}}}
	clusters := names(o.Clusters)
	if err := unknownVersions(o.Versions, clusters); err != nil {
		return nil, err
	}
	cache, err := stack.UserCache()
	if err != nil {
		return nil, err
	}
	build := func(version string, programs []stack.Program, err error) error {
		if err != nil {
			return err
		}
		paths, err := cache.Ensure(ctx, programs, o.Log)
		for i, path := range paths {
			b.contents.Programs[programKey(version, programs[i].Name)] = path
		}
		return err
	}

	common, err := stack.Common(o.Root)
	if err := build("", common, err); err != nil {
		return nil, err
	}
	for _, name := range clusters {
		_, version, err := stack.Kubernetes(o.Root, o.Versions[name])
		if err != nil {
			return nil, err
		}
		b.contents.Clusters = append(b.contents.Clusters, cluster.Spec{Name: name, Version: version, Nodes: o.Nodes})
		if _, done := b.contents.Programs[programKey(version, cluster.APIServer)]; done {
			continue
		}
		programs, err := stack.ControlPlane(o.Root, version)
		if err := build(version, programs, err); err != nil {
			return nil, err
		}
	}
	for _, a := range o.Addons {
		b.contents.Addons = append(b.contents.Addons, a.Name())
		programs, err := a.Programs(o.Root)
		if err := build("", programs, err); err != nil {
			return nil, err
		}
	}
	return b, nil
}
