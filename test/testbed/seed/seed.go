// Package seed fills clusters with objects, as fast as they take them.
package seed

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
)

// writers is how many requests one cluster is given at once: more only wait in the API server.
const writers = 16

// Options are numbers of objects in each cluster.
type Options struct {
	Namespaces  int
	Deployments int
	// Replicas of each deployment.
	Replicas int
	// Pods without a controller, created on a node.
	Pods int
	// Wait until deployments are available and pods are ready.
	Wait bool
	// Log is told of each cluster that is done.
	Log func(format string, args ...any)
}

// Run seeds the clusters, as many at a time as there are processors: they share this machine, and more of them at once only take the
// processors' caches from each other (measured: ten at once need more than twice the time). Objects have fixed names, so that a second run completes what a first one left.
func Run(ctx context.Context, clusters []*cluster.Cluster, o Options) error {
	if o.Namespaces < 1 || o.Deployments < 0 || o.Pods < 0 || o.Replicas < 0 {
		return errors.New("seed: at least one namespace, and no negative numbers")
	}
	errs := make([]error, len(clusters))
	turn := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for i, c := range clusters {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			if err := run(ctx, c, o); err != nil {
				errs[i] = fmt.Errorf("seed cluster %s: %w", c.Name, err)
				return
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func run(ctx context.Context, c *cluster.Cluster, o Options) error {
	began := time.Now()
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	// Half the work of JSON on both sides.
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if len(nodes.Items) == 0 && o.Pods > 0 {
		return errors.New("it has no nodes to put pods on")
	}
	if err := each(ctx, o.Namespaces, func(ctx context.Context, i int) error {
		return createNamespace(ctx, client, namespace(i))
	}); err != nil {
		return err
	}
	if err := each(ctx, o.Deployments, func(ctx context.Context, i int) error {
		d := deployment(i, namespace(i%o.Namespaces), int32(o.Replicas))
		_, err := client.AppsV1().Deployments(d.Namespace).Create(ctx, d, metav1.CreateOptions{})
		return ignoreExists(err)
	}); err != nil {
		return err
	}
	if err := each(ctx, o.Pods, func(ctx context.Context, i int) error {
		p := pod(i, namespace(i%o.Namespaces), nodes.Items[i%len(nodes.Items)].Name)
		_, err := client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
		return ignoreExists(err)
	}); err != nil {
		return err
	}
	o.Log("cluster %s: created after %.1f s", c.Name, time.Since(began).Seconds())
	if !o.Wait {
		return nil
	}
	if err := wait(ctx, client, o); err != nil {
		return err
	}
	o.Log("cluster %s: ready after %.1f s", c.Name, time.Since(began).Seconds())
	return nil
}

// each calls do for 0 to n-1 from several goroutines and stops at the first error.
func each(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(writers, n) {
		wg.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// createNamespace returns once pods may be created in it, which is when its service account is there.
func createNamespace(ctx context.Context, client kubernetes.Interface, name string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels("namespace")}}
	_, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if err := ignoreExists(err); err != nil {
		return err
	}
	return until(ctx, "the service account of namespace "+name, 100*time.Millisecond, func() (bool, error) {
		_, err := client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// until asks done every so often, for at most five minutes.
func until(ctx context.Context, what string, every time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

func ignoreExists(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
