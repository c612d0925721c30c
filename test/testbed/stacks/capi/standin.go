package main

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

const (
	standInVersion = "v1"
	finalizer      = "testbed.kubectl-fleet.io/kwok-machine"
	again          = 300 * time.Millisecond
	kindMachine    = "KWOKMachine"
)

var infrastructure = schema.GroupVersion{Group: "infrastructure.cluster.x-k8s.io", Version: standInVersion}

// standIn plays the providers: an infrastructure, a bootstrap and a control plane that are ready as soon as they are seen, and machines
// that are KWOK nodes.
func standIn(mgr ctrl.Manager, clusters clustercache.ClusterCache) error {
	m := &machines{mgr.GetClient(), mgr.GetAPIReader(), clusters}
	for gvk, provide := range map[schema.GroupVersionKind]func(context.Context, *unstructured.Unstructured) error{
		infrastructure.WithKind("KWOKCluster"):                                                      provideCluster,
		{Group: "controlplane.cluster.x-k8s.io", Version: standInVersion, Kind: "KWOKControlPlane"}: provideControlPlane,
		{Group: "bootstrap.cluster.x-k8s.io", Version: standInVersion, Kind: "KWOKConfig"}:          provideBootstrap,
		infrastructure.WithKind(kindMachine):                                                        m.provide,
		infrastructure.WithKind(kindGroup):                                                          m.provideGroup,
	} {
		of := &unstructured.Unstructured{}
		of.SetGroupVersionKind(gvk)
		controller := ctrl.NewControllerManagedBy(mgr).For(of).Named(gvk.Kind)
		if gvk.Kind == kindGroup {
			machine := &unstructured.Unstructured{}
			machine.SetGroupVersionKind(infrastructure.WithKind(kindMachine))
			controller = controller.Watches(&clusterv1.MachinePool{}, groupOf()).Watches(machine, groupWith())
		}
		if err := controller.Complete(&provider{mgr.GetClient(), gvk, provide}); err != nil {
			return err
		}
	}
	return nil
}

// provider keeps objects of one kind as they ought to be.
type provider struct {
	client.Client
	kind    schema.GroupVersionKind
	provide func(context.Context, *unstructured.Unstructured) error
}

// errLater is for what is not there yet, and will not be announced.
var errLater = errors.New("not yet")

// Reconcile implements reconcile.Reconciler.
func (p *provider) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(p.kind)
	if err := p.Get(ctx, req.NamespacedName, o); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := o.DeepCopy()
	err := p.provide(ctx, o)
	if errors.Is(err, errLater) {
		return ctrl.Result{RequeueAfter: again}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	// A patch of the object answers with the status of the server.
	status := o.DeepCopy()
	if err := p.Patch(ctx, o, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	err = p.Status().Patch(ctx, status, client.MergeFrom(before))
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

func set(o *unstructured.Unstructured, value any, fields ...string) error {
	return unstructured.SetNestedField(o.Object, value, fields...)
}

func provideCluster(_ context.Context, o *unstructured.Unstructured) error {
	return errors.Join(
		set(o, map[string]any{"host": "127.0.0.1", "port": int64(6443)}, "spec", "controlPlaneEndpoint"),
		set(o, true, "status", "initialization", "provisioned"),
	)
}

// provideControlPlane: one that is managed by somebody else, as in a cloud. Without that Cluster API would want a machine for it.
func provideControlPlane(_ context.Context, o *unstructured.Unstructured) error {
	version, _, err := unstructured.NestedString(o.Object, "spec", "version")
	if err != nil {
		return err
	}
	return errors.Join(
		set(o, true, "status", "initialization", "controlPlaneInitialized"),
		set(o, true, "status", "externalManagedControlPlane"),
		set(o, version, "status", "version"),
	)
}

func provideBootstrap(_ context.Context, o *unstructured.Unstructured) error {
	return errors.Join(
		set(o, o.GetName(), "status", "dataSecretName"),
		set(o, true, "status", "initialization", "dataSecretCreated"),
	)
}

// machines are nodes of the clusters that are managed.
type machines struct {
	management client.Client
	// now reads what the management cluster has, without a cache.
	now      client.Reader
	clusters clustercache.ClusterCache
}

// workload is the client of the cluster that an object is for.
func (m *machines) workload(ctx context.Context, o *unstructured.Unstructured) (client.Client, error) {
	c, err := m.clusters.GetClient(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetLabels()[clusterv1.ClusterNameLabel]})
	if errors.Is(err, clustercache.ErrClusterNotConnected) {
		return nil, errLater
	}
	return c, err
}

var zones = []string{"zone-a", "zone-b", "zone-c"}

func newNode(name, zone string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64", corev1.LabelTopologyZone: zone,
	}}}
}

func (m *machines) provide(ctx context.Context, o *unstructured.Unstructured) error {
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.Kind != "Machine" {
		return nil // the Machine's controller will say whose it is
	}
	workload, err := m.workload(ctx, o)
	if err != nil {
		return err
	}
	zone := zones[int(owner.UID[0])%len(zones)]
	node := newNode(owner.Name, zone)
	if o.GetDeletionTimestamp() != nil {
		// As a cloud does: without the machine there is no node.
		if err := workload.Delete(ctx, node); client.IgnoreNotFound(err) != nil {
			return err
		}
		controllerutil.RemoveFinalizer(o, finalizer)
		return nil
	}
	machine := &clusterv1.Machine{}
	if err := m.management.Get(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: owner.Name}, machine); err != nil {
		return err
	}
	if machine.Spec.Bootstrap.DataSecretName == nil {
		return errLater
	}
	if controllerutil.AddFinalizer(o, finalizer) {
		// On disk before there is a node to be deleted.
		if err := m.management.Update(ctx, o); err != nil {
			return err
		}
	}
	node.Spec.ProviderID = "kwok:///" + o.GetNamespace() + "/" + o.GetName()
	if err := workload.Create(ctx, node); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return errors.Join(
		set(o, node.Spec.ProviderID, "spec", "providerID"),
		set(o, zone, "status", "failureDomain"),
		set(o, true, "status", "initialization", "provisioned"),
	)
}
