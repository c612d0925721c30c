// Command capi-manager is Cluster API's own core controllers and webhooks as they are, and a stand-in for what Cluster API calls an
// infrastructure provider, whose machines are KWOK nodes. The stock manager does not do: its webhooks listen on every interface.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	clusterv1beta1 "sigs.k8s.io/cluster-api/api/core/v1beta1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/api/core/v1beta2/index"
	runtimev1 "sigs.k8s.io/cluster-api/api/runtime/v1beta2"
	"sigs.k8s.io/cluster-api/controllers"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/controllers/remote"
	"sigs.k8s.io/cluster-api/feature"
	"sigs.k8s.io/cluster-api/webhooks"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

const (
	workers = 10
	// grace is how long a cluster may be silent until that is said of it; less is refused.
	grace = 2 * time.Minute
)

type options struct {
	kubeconfig, certDir, certName, keyName string
	webhookPort                            int
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "management", "", "kubeconfig of the management cluster")
	flag.IntVar(&o.webhookPort, "webhook-port", 0, "port of the webhooks, on loopback")
	flag.StringVar(&o.certDir, "cert-dir", "", "folder of the webhooks' certificate")
	flag.StringVar(&o.certName, "cert-name", "", "file of the certificate")
	flag.StringVar(&o.keyName, "key-name", "", "file of its key")
	flag.Parse()
	ctrl.SetLogger(klog.Background())
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := feature.MutableGates.Set("ClusterTopology=true"); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, clusterv1beta1.AddToScheme, clusterv1.AddToScheme, runtimev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: "127.0.0.1", Port: o.webhookPort, CertDir: o.certDir, CertName: o.certName, KeyName: o.keyName,
		}),
		// As the stock manager has it: its reconcilers count on it.
		Client: client.Options{Cache: &client.CacheOptions{
			DisableFor: []client.Object{&corev1.ConfigMap{}, &corev1.Secret{}}, Unstructured: true,
		}},
	})
	if err != nil {
		return err
	}
	if err := index.AddDefaultIndexes(ctx, mgr); err != nil {
		return err
	}
	clusters, err := clusterCache(ctx, mgr)
	if err != nil {
		return err
	}
	if err := reconcile(ctx, mgr, clusters); err != nil {
		return err
	}
	if err := serveWebhooks(mgr, clusters); err != nil {
		return err
	}
	if err := standIn(mgr, clusters); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// clusterCache has the clients of the clusters that are managed.
func clusterCache(ctx context.Context, mgr ctrl.Manager) (clustercache.ClusterCache, error) {
	secrets, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Cache: &client.CacheOptions{Reader: mgr.GetCache()}})
	if err != nil {
		return nil, err
	}
	return clustercache.SetupWithManager(ctx, mgr, clustercache.Options{
		SecretClient: secrets,
		Cache:        clustercache.CacheOptions{Indexes: []clustercache.CacheOptionsIndex{clustercache.NodeProviderIDIndex}},
		Client: clustercache.ClientOptions{
			QPS: 500, Burst: 1000, UserAgent: remote.DefaultClusterAPIUserAgent("capi-manager"),
			Cache: clustercache.ClientCacheOptions{DisableFor: []client.Object{
				&corev1.ConfigMap{}, &corev1.Secret{}, &corev1.Pod{}, &appsv1.DaemonSet{}, &storagev1.VolumeAttachment{}, &corev1.PersistentVolume{},
			}},
		},
	}, controller.Options{MaxConcurrentReconciles: workers})
}

// setup puts one controller into the manager.
type setup interface {
	SetupWithManager(ctx context.Context, mgr ctrl.Manager, options controller.Options) error
}

// reconcile runs the controllers that make and delete machines, MachineHealthChecks among them.
func reconcile(ctx context.Context, mgr ctrl.Manager, clusters clustercache.ClusterCache) error {
	c, reader := mgr.GetClient(), mgr.GetAPIReader()
	for _, one := range []setup{
		&controllers.ClusterClassReconciler{Client: c},
		&controllers.ClusterTopologyReconciler{Client: c, APIReader: reader, ClusterCache: clusters},
		&controllers.MachineDeploymentTopologyReconciler{Client: c, APIReader: reader},
		&controllers.MachineSetTopologyReconciler{Client: c, APIReader: reader},
		&controllers.ClusterReconciler{Client: c, APIReader: reader, ClusterCache: clusters, RemoteConnectionGracePeriod: grace},
		&controllers.MachineReconciler{Client: c, APIReader: reader, ClusterCache: clusters, RemoteConditionsGracePeriod: grace},
		&controllers.MachineSetReconciler{Client: c, APIReader: reader, ClusterCache: clusters, PreflightChecks: sets.New(clusterv1.MachineSetPreflightCheckAll)},
		&controllers.MachineDeploymentReconciler{Client: c, APIReader: reader},
		&controllers.MachinePoolReconciler{Client: c, APIReader: reader, ClusterCache: clusters},
		&controllers.MachineHealthCheckReconciler{Client: c, ClusterCache: clusters},
	} {
		if err := one.SetupWithManager(ctx, mgr, controller.Options{MaxConcurrentReconciles: workers}); err != nil {
			return fmt.Errorf("%T: %w", one, err)
		}
	}
	return nil
}

// serveWebhooks serves what completes and refuses objects, and converts between v1beta1 and v1beta2.
func serveWebhooks(mgr ctrl.Manager, clusters clustercache.ClusterCache) error {
	// v1beta1 refers to objects with a version, v1beta2 without: the stand-in's have one.
	clusterv1beta1.SetAPIVersionGetter(func(gk schema.GroupKind) (string, error) {
		return gk.WithVersion(standInVersion).GroupVersion().String(), nil
	})
	c := mgr.GetClient()
	for _, one := range []interface{ SetupWebhookWithManager(mgr ctrl.Manager) error }{
		&webhooks.ClusterClass{Client: c}, &webhooks.Cluster{Client: c, ClusterCacheReader: clusters}, &webhooks.Machine{},
		&webhooks.MachineSet{}, &webhooks.MachineDeployment{}, &webhooks.MachineDrainRule{}, &webhooks.MachinePool{}, &webhooks.MachineHealthCheck{},
	} {
		if err := one.SetupWebhookWithManager(mgr); err != nil {
			return fmt.Errorf("%T: %w", one, err)
		}
	}
	return nil
}
