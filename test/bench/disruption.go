package main

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubectl/pkg/util/podutils"
)

// counts are what is counted beside time while a program runs.
type counts struct {
	columns []string
	// begin begins to count; end gives a value for each column, of a run that took so
	// long.
	begin func(context.Context) (end func(took time.Duration) []float64, err error)
}

// disruption is what became of pods while nodes were emptied.
type disruption struct {
	mu      sync.Mutex
	pods    map[types.UID]*corev1.Pod
	old     map[types.UID]bool // those of before
	broken  map[string]bool    // apps whose budget is broken now
	breaks  int
	twice   int
	since   time.Time
	missing float64   // pod-seconds
	whole   time.Time // when the last pod that was missing became Ready
}

// watch counts what happens to the pods of the lab's namespace.
func (d *drainLab) watch(ctx context.Context) (func(time.Duration) []float64, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: d.bed.Kubeconfig()}, &clientcmd.ConfigOverrides{CurrentContext: drainCluster}).ClientConfig()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Pods(drainNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	seen := &disruption{pods: map[types.UID]*corev1.Pod{}, old: map[types.UID]bool{}, broken: map[string]bool{}, since: began}
	for i := range list.Items {
		p := &list.Items[i]
		seen.pods[p.UID], seen.old[p.UID] = p, true
	}
	events, err := client.CoreV1().Pods(drainNamespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return nil, err
	}
	go func() {
		for e := range events.ResultChan() {
			if p, is := e.Object.(*corev1.Pod); is {
				seen.take(e.Type, p)
			}
		}
	}()
	return func(took time.Duration) []float64 {
		seen.settle(ctx)
		events.Stop()
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return []float64{drained / took.Minutes(), seen.whole.Sub(began).Seconds(), float64(seen.breaks), float64(seen.twice), seen.missing}
	}, nil
}

func (d *disruption) take(what apiwatch.EventType, p *corev1.Pod) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tick()
	before := d.pods[p.UID]
	if before != nil && before.DeletionTimestamp == nil && (p.DeletionTimestamp != nil || what == apiwatch.Deleted) && !d.old[p.UID] {
		d.twice++ // it is there since another was evicted
	}
	d.pods[p.UID] = p
	if what == apiwatch.Deleted {
		delete(d.pods, p.UID)
	}
	if before != nil && !podutils.IsPodReady(before) && podutils.IsPodReady(p) {
		d.whole = time.Now()
	}
	app := p.Labels["app"]
	broken := d.ready(app) < drainPods-drainSpare
	if broken && !d.broken[app] {
		d.breaks++
	}
	d.broken[app] = broken
}

// tick adds what was missing since the last event.
func (d *disruption) tick() {
	now := time.Now()
	d.missing += now.Sub(d.since).Seconds() * float64(drainApps*drainPods-d.ready(""))
	d.since = now
}

// ready counts the Ready pods of an app; "" is all.
func (d *disruption) ready(app string) int {
	n := 0
	for _, p := range d.pods {
		if (app == "" || p.Labels["app"] == app) && p.DeletionTimestamp == nil && podutils.IsPodReady(p) {
			n++
		}
	}
	return n
}

// settle waits until every pod is Ready: what is missing when a program ends is
// missing by its doing, too.
func (d *disruption) settle(ctx context.Context) {
	for ctx.Err() == nil {
		d.mu.Lock()
		d.tick()
		done := d.ready("") == drainApps*drainPods
		d.mu.Unlock()
		if done {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
