package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
)

// Kept is where the accounts are.
type Kept int

// The places for accounts.
const (
	// InObjects is ConfigMaps.
	InObjects Kept = iota
	// InVolumes is files, in a volume of the testbed's own driver.
	InVolumes
)

// account is one account as it is read.
type account struct {
	Balance int `json:"balance"`
	// Out has the transfers that have left an account and are not known to have come, In
	// those that have come and are not known to be known.
	Out map[string]transfer `json:"out"`
	In  map[string]bool     `json:"in"`
}

// books are the accounts of one namespace of one cluster.
type books interface {
	// open makes them, or finds them.
	open(ctx context.Context) error
	// change changes one account, all of it or nothing.
	change(ctx context.Context, account string, do func(*account)) error
	read(ctx context.Context) (map[string]*account, error)
}

func (k Kept) books(client kubernetes.Interface, namespace string) books {
	if k == InVolumes {
		return &files{client: client, namespace: namespace}
	}
	return objects{client: client, namespace: namespace}
}

// objects are accounts in ConfigMaps.
type objects struct {
	client    kubernetes.Interface
	namespace string
}

const accountKey = "account"

func (o objects) open(ctx context.Context) error {
	for i := range accounts {
		made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name(i), Labels: map[string]string{"app": "ledger"}}}
		write(made, newAccount())
		if _, err := o.client.CoreV1().ConfigMaps(o.namespace).Create(ctx, made, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (o objects) change(ctx context.Context, named string, do func(*account)) error {
	client := o.client.CoreV1().ConfigMaps(o.namespace)
	for {
		object, err := client.Get(ctx, named, metav1.GetOptions{})
		if err != nil {
			return err
		}
		a, err := parse([]byte(object.Data[accountKey]))
		if err != nil {
			return err
		}
		do(a)
		write(object, a)
		if _, err = client.Update(ctx, object, metav1.UpdateOptions{}); err == nil {
			return nil
		}
		if ctx.Err() != nil || !apierrors.IsConflict(err) {
			return err
		}
	}
}

func (o objects) read(ctx context.Context) (map[string]*account, error) {
	list, err := o.client.CoreV1().ConfigMaps(o.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=ledger"})
	if err != nil {
		return nil, err
	}
	all := map[string]*account{}
	for i := range list.Items {
		if all[list.Items[i].Name], err = parse([]byte(list.Items[i].Data[accountKey])); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// files are accounts in a volume, a file for each.
type files struct {
	client    kubernetes.Interface
	namespace string

	writing sync.Mutex
	folder  string
}

const (
	// claimed is the name of the claim.
	claimed = "accounts"
	// bound is how long a claim may take to have its volume.
	bound = 2 * time.Minute
	// pace is between two changes of one who changes: a file takes far less time than what
	// is asked of a cluster.
	pace = 5 * time.Millisecond
)

func (f *files) open(ctx context.Context) error {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: claimed}}
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}
	if _, err := f.client.CoreV1().PersistentVolumeClaims(f.namespace).Create(ctx, claim, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := f.find(ctx); err != nil {
		return err
	}
	for i := range accounts {
		if err := f.put(name(i), newAccount()); err != nil {
			return err
		}
	}
	return nil
}

// find waits for the volume, and notes its folder.
func (f *files) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("claim %s/%s has no volume after %s", f.namespace, claimed, bound))
	defer cancel()
	for {
		claim, err := f.client.CoreV1().PersistentVolumeClaims(f.namespace).Get(ctx, claimed, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if claim.Status.Phase == corev1.ClaimBound {
			pv, err := f.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
			if err == nil {
				f.folder = pv.Spec.CSI.VolumeAttributes[snapshots.Directory]
			}
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f *files) change(_ context.Context, named string, do func(*account)) error {
	defer time.Sleep(pace)
	f.writing.Lock()
	defer f.writing.Unlock()
	text, err := os.ReadFile(filepath.Join(f.folder, named))
	if err != nil {
		return err
	}
	a, err := parse(text)
	if err != nil {
		return err
	}
	do(a)
	return f.put(named, a)
}

// put writes an account so that whoever reads it finds all of it.
func (f *files) put(named string, a *account) error {
	half := filepath.Join(f.folder, "."+named)
	if err := os.WriteFile(half, encode(a), 0o600); err != nil {
		return err
	}
	return os.Rename(half, filepath.Join(f.folder, named))
}

func (f *files) read(ctx context.Context) (map[string]*account, error) {
	if err := f.find(ctx); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(f.folder)
	if err != nil {
		return nil, err
	}
	all := map[string]*account{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // what was being written at the cut
		}
		text, err := os.ReadFile(filepath.Join(f.folder, e.Name()))
		if err != nil {
			return nil, err
		}
		if all[e.Name()], err = parse(text); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func newAccount() *account {
	return &account{Balance: money, Out: map[string]transfer{}, In: map[string]bool{}}
}

func parse(text []byte) (*account, error) {
	a := &account{}
	return a, json.Unmarshal(text, a)
}

func encode(a *account) []byte {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // of what was JSON before
	}
	return text
}

func write(object *corev1.ConfigMap, a *account) {
	object.Data = map[string]string{accountKey: string(encode(a))}
}
