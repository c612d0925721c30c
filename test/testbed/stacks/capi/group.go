package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// kindGroup is a group of machines as clouds have them: it is told how many, and has no Machines.
const kindGroup = "KWOKMachinePool"

// provideGroup keeps as many nodes as the MachinePool of a group asks for. Which go when there are too many is the group's to say: the last.
func (m *machines) provideGroup(ctx context.Context, o *unstructured.Unstructured) error {
	at := slices.IndexFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.Kind == "MachinePool" })
	if at < 0 {
		return nil // the MachinePool's controller will say whose it is
	}
	workload, err := m.workload(ctx, o)
	if err != nil {
		return err
	}
	pool := &clusterv1.MachinePool{}
	if err := m.management.Get(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetOwnerReferences()[at].Name}, pool); client.IgnoreNotFound(err) != nil {
		return err
	}
	want := 0
	if pool.Spec.Replicas != nil && o.GetDeletionTimestamp() == nil {
		want = int(*pool.Spec.Replicas)
		if controllerutil.AddFinalizer(o, finalizer) {
			if err := m.management.Update(ctx, o); err != nil {
				return err
			}
		}
	}
	before, _, err := unstructured.NestedStringSlice(o.Object, "spec", "providerIDList")
	if err != nil {
		return err
	}
	for _, id := range before[min(want, len(before)):] {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: id[strings.LastIndex(id, "/")+1:]}}
		if err := workload.Delete(ctx, node); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	ids := make([]any, want)
	for i := range want {
		node := newNode(fmt.Sprintf("%s-%d", pool.Name, i), zones[i%len(zones)])
		node.Spec.ProviderID = "kwok:///" + o.GetNamespace() + "/" + node.Name
		ids[i] = node.Spec.ProviderID
		if err := workload.Create(ctx, node); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	if o.GetDeletionTimestamp() != nil {
		controllerutil.RemoveFinalizer(o, finalizer)
		return nil
	}
	return errors.Join(
		set(o, ids, "spec", "providerIDList"),
		set(o, int64(want), "status", "replicas"),
		set(o, true, "status", "ready"), // of MachinePools its controller still asks for that
	)
}

// groupOf has the group of a MachinePool looked at when that changes.
func groupOf() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []ctrl.Request {
		pool, is := o.(*clusterv1.MachinePool)
		if !is {
			return nil
		}
		return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: pool.Namespace, Name: pool.Spec.Template.Spec.InfrastructureRef.Name}}}
	})
}
