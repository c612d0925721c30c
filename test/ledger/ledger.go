// Package ledger is an application that spans clusters: accounts, of which money moves
// from one cluster to another all the time. No money is ever made or lost, so that the
// sum over all clusters says whether what was restored in them is of one point in time.
package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// accounts are in each cluster, with as much money each to begin with.
const accounts, money = 4, 1000

// transfer is money on its way.
type transfer struct {
	Amount int    `json:"amount"`
	To     string `json:"to"` // CLUSTER/ACCOUNT
}

// Ledger is the application at work.
type Ledger struct {
	namespace string
	folder    string
	clusters  []string
	failed    func(error)
	kept      Kept
	clients   map[string]*kubernetes.Clientset
	books     map[string]books
	gates     map[string]*sync.RWMutex
	transfers atomic.Int64
	stop      context.CancelFunc
	work      sync.WaitGroup
}

// Begin makes accounts in clusters, and moves money between them until End. folder is
// where a till's commands speak with it. What goes wrong meanwhile is told to failed.
func (k Kept) Begin(ctx context.Context, namespace, folder string, configs map[string]*rest.Config, failed func(error), clusters ...string) (*Ledger, error) {
	l := &Ledger{
		namespace: namespace, folder: folder, clusters: clusters, failed: failed, kept: k,
		clients: map[string]*kubernetes.Clientset{}, books: map[string]books{}, gates: map[string]*sync.RWMutex{},
	}
	for _, c := range clusters {
		client, err := kubernetes.NewForConfig(configs[c])
		if err != nil {
			return nil, err
		}
		l.clients[c], l.books[c], l.gates[c] = client, k.books(client, namespace), &sync.RWMutex{}
		if err := l.books[c].open(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, c := range clusters {
		l.work.Go(func() { l.till(ctx, c) })
		for range 2 {
			l.work.Go(func() { l.move(ctx, c) })
		}
	}
	return l, nil
}

// End ends it.
func (l *Ledger) End() {
	l.stop()
	l.work.Wait()
}

// Transfers is how much money has moved, in transfers.
func (l *Ledger) Transfers() int64 { return l.transfers.Load() }

// Total is what there is in all clusters together as long as nothing is lost.
func (l *Ledger) Total() int { return Total(len(l.clusters)) }

// Total is what there is in so many clusters.
func Total(clusters int) int { return clusters * accounts * money }

// Freeze is what a till is told, in a cluster: nothing is written there from then on.
func (l *Ledger) Freeze(cluster string) string {
	return fmt.Sprintf("touch %[1]s.hold; until test -e %[1]s.held; do sleep 0.05; done", l.file(cluster))
}

// Release lets it go on.
func (l *Ledger) Release(cluster string) string {
	return fmt.Sprintf("rm -f %[1]s.hold; while test -e %[1]s.held; do sleep 0.05; done", l.file(cluster))
}

// Probe ends well while nothing moves in the cluster.
func (l *Ledger) Probe(cluster string) string { return "test -e " + l.file(cluster) + ".held" }

func (l *Ledger) file(cluster string) string { return filepath.Join(l.folder, cluster) }

// Frozen is true while nothing moves in the cluster.
func (l *Ledger) Frozen(cluster string) bool {
	_, err := os.Stat(l.file(cluster) + ".held")
	return err == nil
}

// till does what it is told: nothing is written in its cluster while it is held. A
// transfer may be half way then, and is so in what is backed up, too.
func (l *Ledger) till(ctx context.Context, cluster string) {
	hold, held := l.file(cluster)+".hold", l.file(cluster)+".held"
	told := func() bool {
		_, err := os.Stat(hold)
		return err == nil
	}
	for ctx.Err() == nil {
		if !told() {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		l.gates[cluster].Lock()
		if err := os.WriteFile(held, nil, 0o600); err != nil {
			l.failed(err)
		}
		for ctx.Err() == nil && told() {
			time.Sleep(10 * time.Millisecond)
		}
		if err := os.Remove(held); err != nil {
			l.failed(err)
		}
		l.gates[cluster].Unlock()
	}
}

// move sends money from a cluster to others, one transfer after the other. Each has
// four steps, and each step changes one account.
func (l *Ledger) move(ctx context.Context, from string) {
	for n := 0; ctx.Err() == nil; n++ {
		to := l.clusters[rand.IntN(len(l.clusters))]
		if to == from {
			continue
		}
		source, target := name(rand.IntN(accounts)), name(rand.IntN(accounts))
		id := fmt.Sprintf("%s-%d", source, rand.Int64())
		t := transfer{Amount: 1 + rand.IntN(50), To: to + "/" + target}
		steps := []struct {
			cluster, account string
			do               func(*account)
		}{
			{from, source, func(a *account) { a.Balance -= t.Amount; a.Out[id] = t }},
			{to, target, func(a *account) { a.Balance += t.Amount; a.In[id] = true }},
			{from, source, func(a *account) { delete(a.Out, id) }},
			{to, target, func(a *account) { delete(a.In, id) }},
		}
		for _, s := range steps {
			l.gates[s.cluster].RLock()
			err := l.books[s.cluster].change(ctx, s.account, s.do)
			l.gates[s.cluster].RUnlock()
			if err != nil && ctx.Err() == nil {
				l.failed(fmt.Errorf("%s: %w", s.cluster, err))
				return
			}
		}
		l.transfers.Add(1)
	}
}

// Sum is what all accounts of a namespace hold together, over all clusters, and how
// many transfers are under way.
func (l *Ledger) Sum(ctx context.Context, namespace string) (sum, inFlight int, err error) {
	return l.kept.Sum(ctx, namespace, l.clusters, l.clients)
}

// Sum is the same of a ledger that is not at work. at has, for each cluster that it was
// of, the one that it is in now.
func (k Kept) Sum(ctx context.Context, namespace string, clusters []string, at map[string]*kubernetes.Clientset) (sum, inFlight int, err error) {
	all := map[string]*account{}
	for _, c := range clusters {
		some, err := k.books(at[c], namespace).read(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", c, err)
		}
		if len(some) != accounts {
			return 0, 0, fmt.Errorf("%s has %d accounts, and not %d", c, len(some), accounts)
		}
		for named, a := range some {
			all[c+"/"+named] = a
		}
	}
	for _, a := range all {
		sum += a.Balance
		for id, t := range a.Out {
			if !all[t.To].In[id] { // else it has come
				sum += t.Amount
				inFlight++
			}
		}
	}
	return sum, inFlight, nil
}

func name(i int) string { return fmt.Sprintf("account-%d", i) }
