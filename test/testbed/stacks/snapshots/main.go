// Command csi-directory is a storage system whose volumes are directories of this machine: a CSI driver that takes snapshots of them, for the
// stock csi-snapshotter, and a provisioner that makes them for claims, empty or out of a snapshot. Nothing is mounted: who uses a volume writes
// into its directory, which is an attribute of the PersistentVolume.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	"google.golang.org/grpc"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// driverName is what PersistentVolumes, StorageClasses and VolumeSnapshotClasses call it.
const driverName = "directory.testbed.kubectl-fleet.io"

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the cluster whose claims are served")
	socket := flag.String("socket", "", "where the CSI driver listens")
	root := flag.String("root", "", "folder of volumes and snapshots; several clusters may have one together")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *socket, storage{*root}); err != nil {
		fmt.Fprintln(os.Stderr, "csi-directory:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, socket string, s storage) error {
	if err := s.prepare(); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	snapshot, err := snapshots.NewForConfig(config)
	if err != nil {
		return err
	}
	// A driver that was killed leaves it.
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	csi.RegisterIdentityServer(server, identity{})
	csi.RegisterControllerServer(server, driver{storage: s})
	context.AfterFunc(ctx, server.Stop)
	// What fails is tried again soon: the default waits for 15 s.
	again := workqueue.NewTypedItemExponentialFailureRateLimiter[string](200*time.Millisecond, 5*time.Second)
	go controller.NewProvisionController(ctx, kube, driverName, provisioner{storage: s, snapshots: snapshot},
		controller.LeaderElection(false), controller.RateLimiter(again), controller.FailedProvisionThreshold(0), controller.FailedDeleteThreshold(0),
		controller.RetryIntervalMax(5*time.Second)).Run(ctx)
	return server.Serve(listener)
}
