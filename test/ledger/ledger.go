// Package ledger is an application that spans clusters: accounts, of which money moves
// from one cluster to another all the time. No money is ever made or lost, so that the
// sum over all clusters says whether what was restored in them is of one point in time.
package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// accounts are in each cluster, with as much money each to begin with.
	accounts, money = 4, 1000
	balanceKey      = "balance"
	// outKey has the transfers that have left an account and are not known to have come,
	// inKey those that have come and are not known to be known.
	outKey, inKey = "out", "in"
)

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
	clients   map[string]*kubernetes.Clientset
	gates     map[string]*sync.RWMutex
	transfers atomic.Int64
	stop      context.CancelFunc
	work      sync.WaitGroup
}

// Begin makes accounts in clusters, and moves money between them until End. folder is
// where a till's commands speak with it. What goes wrong meanwhile is told to failed.
func Begin(ctx context.Context, namespace, folder string, configs map[string]*rest.Config, failed func(error), clusters ...string) (*Ledger, error) {
	l := &Ledger{namespace: namespace, folder: folder, clusters: clusters, failed: failed, clients: map[string]*kubernetes.Clientset{}, gates: map[string]*sync.RWMutex{}}
	for _, c := range clusters {
		client, err := kubernetes.NewForConfig(configs[c])
		if err != nil {
			return nil, err
		}
		l.clients[c], l.gates[c] = client, &sync.RWMutex{}
		for i := range accounts {
			account := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: name(i), Labels: map[string]string{"app": "ledger"}},
				Data:       map[string]string{balanceKey: strconv.Itoa(money), outKey: "{}", inKey: "{}"},
			}
			if _, err := client.CoreV1().ConfigMaps(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
				return nil, err
			}
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
			{from, source, func(a *account) { a.balance -= t.Amount; a.out[id] = t }},
			{to, target, func(a *account) { a.balance += t.Amount; a.in[id] = true }},
			{from, source, func(a *account) { delete(a.out, id) }},
			{to, target, func(a *account) { delete(a.in, id) }},
		}
		for _, s := range steps {
			l.gates[s.cluster].RLock()
			err := l.change(ctx, s.cluster, s.account, s.do)
			l.gates[s.cluster].RUnlock()
			if err != nil && ctx.Err() == nil {
				l.failed(fmt.Errorf("%s: %w", s.cluster, err))
				return
			}
		}
		l.transfers.Add(1)
	}
}

// account is one account as it is read.
type account struct {
	balance int
	out     map[string]transfer
	in      map[string]bool
}

func (l *Ledger) change(ctx context.Context, cluster, named string, do func(*account)) error {
	client := l.clients[cluster].CoreV1().ConfigMaps(l.namespace)
	for {
		object, err := client.Get(ctx, named, metav1.GetOptions{})
		if err != nil {
			return err
		}
		a, err := parse(object)
		if err != nil {
			return err
		}
		do(a)
		a.write(object)
		if _, err = client.Update(ctx, object, metav1.UpdateOptions{}); err == nil {
			return nil
		}
		if ctx.Err() != nil || !apierrors.IsConflict(err) {
			return err
		}
	}
}

// Sum is what all accounts of a namespace hold together, over all clusters, and how
// many transfers are under way.
func (l *Ledger) Sum(ctx context.Context, namespace string) (sum, inFlight int, err error) {
	return Sum(ctx, namespace, l.clusters, l.clients)
}

// Sum is the same of a ledger that is not at work. at has, for each cluster that it was
// of, the one that it is in now.
func Sum(ctx context.Context, namespace string, clusters []string, at map[string]*kubernetes.Clientset) (sum, inFlight int, err error) {
	all := map[string]*account{}
	for _, c := range clusters {
		list, err := at[c].CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=ledger"})
		if err != nil {
			return 0, 0, err
		}
		if len(list.Items) != accounts {
			return 0, 0, fmt.Errorf("%s has %d accounts, and not %d", c, len(list.Items), accounts)
		}
		for i := range list.Items {
			a, err := parse(&list.Items[i])
			if err != nil {
				return 0, 0, err
			}
			all[c+"/"+list.Items[i].Name] = a
		}
	}
	for _, a := range all {
		sum += a.balance
		for id, t := range a.out {
			if !all[t.To].in[id] { // else it has come
				sum += t.Amount
				inFlight++
			}
		}
	}
	return sum, inFlight, nil
}

func name(i int) string { return fmt.Sprintf("account-%d", i) }

func parse(object *corev1.ConfigMap) (*account, error) {
	a := &account{}
	var err error
	if a.balance, err = strconv.Atoi(object.Data[balanceKey]); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(object.Data[outKey]), &a.out); err != nil {
		return nil, err
	}
	return a, json.Unmarshal([]byte(object.Data[inKey]), &a.in)
}

func (a *account) write(object *corev1.ConfigMap) {
	out, err := json.Marshal(a.out)
	if err != nil {
		panic(err) // of what was JSON before
	}
	in, err := json.Marshal(a.in)
	if err != nil {
		panic(err)
	}
	object.Data = map[string]string{balanceKey: strconv.Itoa(a.balance), outKey: string(out), inKey: string(in)}
}
