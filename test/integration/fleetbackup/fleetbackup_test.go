// Package fleetbackup_test backs up and restores by real Veleros, one beside each
// cluster, over a real S3 server. All tests share one fleet: each has namespaces and
// Backups of its own.
package fleetbackup_test

import (
	"context"
	"errors"
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetbackup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/test/page"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// plugins are those that the page calls.
func plugins() page.Plugins {
	return page.Plugins{"kubectl-fleet": fleet.NewCmdFleet, "kubectl-fleetbackup": fleetbackup.NewCmdFleetbackup}
}

func TestMain(m *testing.M) {
	plugins().Act()
	killer.Main(m, fleetbackup.NewCmdFleetbackup)
}

// patience ends a wait for Velero. It is no measure of speed.
const patience = 2 * time.Minute

// bed is the fleet with Velero, and volumes of which there are snapshots.
func bed(tb testing.TB) *testfleet.Fleet {
	tb.Helper()
	return testfleet.SharedWith(tb, snapshots.Addon{}, addon.Addon{})
}

// access is a cluster that is reached as its administrator.
type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) { return a.config, nil }

// memberOf is a way to a cluster that remembers nothing.
func memberOf(tb testing.TB, config *rest.Config, cluster string) *member.Member {
	tb.Helper()
	m, err := member.NewPool(member.Options{}).Member(tb.Context(), inventory.Cluster{Name: cluster, Server: config.Host, Access: access{config}})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// serverOf is the Velero of a cluster.
func serverOf(tb testing.TB, cluster string) velero.Server {
	tb.Helper()
	return velero.Server{Member: memberOf(tb, bed(tb).RESTConfig(tb, cluster), cluster), Namespace: addon.Namespace}
}

// objects are those of a type in a cluster; namespace may be empty.
func objects(tb testing.TB, cluster, group, version, resource, namespace string) dynamic.ResourceInterface {
	tb.Helper()
	return objectsOf(bed(tb).RESTConfig(tb, cluster), group, version, resource, namespace)
}

func objectsOf(config *rest.Config, group, version, resource, namespace string) dynamic.ResourceInterface {
	client := dynamic.NewForConfigOrDie(config).Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: resource})
	if namespace == "" {
		return client
	}
	return client.Namespace(namespace)
}

// shop is a namespace of a test's own in a cluster, with a ConfigMap in it.
func shop(tb testing.TB, cluster, name string) {
	tb.Helper()
	namespaces := objects(tb, cluster, "", "v1", "namespaces", "")
	create(tb, namespaces, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	create(tb, objects(tb, cluster, "", "v1", "configmaps", name), map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "prices"}, "data": map[string]any{"bread": "3"},
	})
	ctx := context.WithoutCancel(tb.Context())
	tb.Cleanup(func() {
		if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			tb.Error(err)
		}
	})
}

func create(tb testing.TB, in dynamic.ResourceInterface, object map[string]any) {
	tb.Helper()
	if _, err := in.Create(tb.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{}); err != nil {
		tb.Fatal(err)
	}
}

// backupOf is a Backup of a namespace, by a name of its own, that goes with the test if
// it is still there.
func backupOf(tb testing.TB, s velero.Server, prefix, namespace string) *velerov1.Backup {
	tb.Helper()
	name := prefix + "-" + time.Now().UTC().Format("150405.000")
	ctx := context.WithoutCancel(tb.Context())
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		b, err := s.AwaitBackup(ctx, name, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) }, nil)
		if b == nil || err != nil {
			return
		}
		err = s.Delete(ctx, b)
		if _, stuck := errors.AsType[*velero.UndeletedError](err); stuck {
			tb.Log(err) // Velero may take one for running for ever; its bucket goes with the fleet
			return
		}
		if err != nil {
			tb.Error(err)
		}
	})
	return &velerov1.Backup{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubectl-fleet.io/backup-set": prefix}},
		Spec:       velerov1.BackupSpec{IncludedNamespaces: []string{namespace}},
	}
}
