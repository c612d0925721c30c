package bed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/filelock"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/service"
)

// Options say what bed is wanted.
type Options struct {
	// Dir is the bed's folder; it is made when there is none, and must hold nothing else.
	Dir string
	// Root is the project's folder, below which the stacks are.
	Root string
	// Clusters is how many; they are named c1, c2, ...
	Clusters int
	// Nodes is how many KWOK nodes each cluster starts with.
	Nodes int
	// Versions are Kubernetes versions by cluster, for those that do not run the default one.
	Versions map[string]string
	// Addons are started once all clusters are ready, in order.
	Addons []addon.Addon
	// Owner is a process with which the bed is to end, if any: see Reap.
	Owner *process.Identity
	// Log is told what takes long, as it happens.
	Log func(format string, args ...any)
}

// Up makes the bed, or finds it already up: already is true then, and nothing was changed. What an earlier start left unfinished in
// the folder is cleared away first. When Up fails, no process is left; the logs are, until the next Up or Down.
func Up(ctx context.Context, o Options) (b *Bed, already bool, err error) {
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, false, err
	}
	if o.Clusters < 1 || o.Nodes < 0 {
		return nil, false, fmt.Errorf("%d clusters of %d nodes: a testbed has at least one cluster", o.Clusters, o.Nodes)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, false, err
	}
	lock, err := filelock.Acquire(ctx, lockFile(o.Dir), func() { o.Log("wait for another testbed command on %s", o.Dir) })
	if err != nil {
		return nil, false, err
	}
	defer lock.Unlock()

	if b, already, err = existing(ctx, o); err != nil || already {
		return b, already, err
	}
	b, err = design(ctx, o)
	if err != nil {
		return nil, false, err
	}
	if warning := raiseInotifyLimit(o.Clusters); warning != "" {
		o.Log("warning: %s", warning)
	}
	if err := b.save(); err != nil {
		return nil, false, err
	}
	if err := b.start(ctx, o); err != nil {
		// The caller may have been interrupted; that must not stop the cleaning up.
		return nil, false, errors.Join(err, b.stop(context.WithoutCancel(ctx)))
	}
	b.contents.Ready = true
	err = b.save()
	return b, false, err
}

// existing deals with what is in the folder: a running bed is returned, the remains of one are removed, anything else is refused.
func existing(ctx context.Context, o Options) (*Bed, bool, error) {
	b, err := Open(o.Dir)
	if errors.Is(err, ErrNone) {
		return nil, false, refuseForeign(o.Dir)
	}
	if err != nil {
		return nil, false, err
	}
	alive, err := b.alive()
	if err != nil {
		return nil, false, err
	}
	if !b.contents.Ready || !alive {
		o.Log("clear away what is left of an earlier testbed in %s", o.Dir)
		if err := b.stop(ctx); err != nil {
			return nil, false, err
		}
		return nil, false, b.remove()
	}
	if n := len(b.contents.Clusters); n != o.Clusters {
		return nil, false, fmt.Errorf("a testbed of %d clusters is up in %s, not of %d: run testbed down first, or choose another --dir", n, o.Dir, o.Clusters)
	}
	for _, a := range o.Addons {
		if !b.Has(a.Name()) {
			return nil, false, fmt.Errorf("the testbed that is up in %s has no add-on %s: run testbed down first, or choose another --dir", o.Dir, a.Name())
		}
	}
	return b, true, nil
}

// refuseForeign keeps a bed out of a folder that somebody uses for something else.
func refuseForeign(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != filepath.Base(lockFile(dir)) && !strings.HasPrefix(name, "bed.json") {
			return fmt.Errorf("%s holds %s, which is not of a testbed: choose an empty or new folder with --dir", dir, name)
		}
	}
	return nil
}

// start runs the clusters, then the add-ons. One more cluster than there are processors is in work at a time: a start is mostly
// computing, with a little waiting, and processes that only take the processors' caches from each other make it longer for all.
func (b *Bed) start(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards errs and b.contents.Clusters
		errs []error
		turn = make(chan struct{}, runtime.NumCPU()+1)
	)
	for i, spec := range b.contents.Clusters {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			c := b.cluster(spec)
			began := time.Now()
			err := b.startCluster(ctx, c, func(s cluster.Spec) error {
				mu.Lock()
				defer mu.Unlock()
				b.contents.Clusters[i] = s
				return b.save()
			})
			if err == nil {
				o.Log("cluster %s (%s) is ready after %.1f s", c.Name, c.Version, time.Since(began).Seconds())
				return
			}
			mu.Lock()
			defer mu.Unlock()
			// The others fail only because of this one's cancel.
			if len(errs) == 0 || !errors.Is(err, context.Canceled) {
				errs = append(errs, err)
			}
			cancel()
		})
	}
	wg.Wait()
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := b.writeKubeconfig(); err != nil {
		return err
	}
	host := addon.Host{Clusters: b.Clusters(), Programs: b.contents.Programs, StartHub: b.startHub, NewService: b.newService}
	for _, a := range o.Addons {
		began := time.Now()
		if err := a.Start(ctx, host); err != nil {
			return fmt.Errorf("add-on %s: %w", a.Name(), err)
		}
		o.Log("add-on %s works after %.1f s", a.Name(), time.Since(began).Seconds())
	}
	return nil
}

// startHub starts a control plane of the first cluster's version.
func (b *Bed) startHub(ctx context.Context, name string) (*cluster.Cluster, error) {
	c := b.cluster(cluster.Spec{Name: name, Version: b.contents.Clusters[0].Version, Hub: true})
	place := len(b.contents.Hubs)
	b.contents.Hubs = append(b.contents.Hubs, c.Spec)
	return c, b.startCluster(ctx, c, func(s cluster.Spec) error {
		b.contents.Hubs[place] = s
		return b.save()
	})
}

// newService makes room for a service, and for its program's record, before it starts.
func (b *Bed) newService(spec service.Spec) (*service.Service, error) {
	b.contents.Services = append(b.contents.Services, spec)
	if err := b.save(); err != nil {
		return nil, err
	}
	s := b.Services()[len(b.contents.Services)-1]
	return s, s.Prepare()
}

// startCluster starts one cluster, again with other ports when one was lost between its choice and its use.
func (b *Bed) startCluster(ctx context.Context, c *cluster.Cluster, chosen func(cluster.Spec) error) error {
	programs := map[string]string{}
	for _, name := range c.Components() {
		programs[name] = b.contents.Programs[programKey(c.Version, name)]
	}
	const attempts = 3
	var err error
	for range attempts {
		if err = c.Start(ctx, programs, chosen); !errors.Is(err, process.ErrPortTaken) {
			return err
		}
		if err := c.Stop(ctx); err != nil {
			return err
		}
		if err := os.RemoveAll(c.Dir); err != nil {
			return err
		}
	}
	return err
}

// names of the clusters of a bed.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("c%d", i+1)
	}
	return list
}

func unknownVersions(versions map[string]string, known []string) error {
	for name := range versions {
		if !slices.Contains(known, name) {
			return fmt.Errorf("a version for cluster %q, but the clusters are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

func lockFile(dir string) string { return filepath.Join(dir, ".lock") }
