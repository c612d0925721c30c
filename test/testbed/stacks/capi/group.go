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

// kindGroup is a group of machines as clouds have them: it is told how many. Those of one have no Machines, unless its spec says withMachines.
const kindGroup = "KWOKMachinePool"

// provideGroup keeps as many machines as the MachinePool of a group asks for.
func (m *machines) provideGroup(ctx context.Context, o *unstructured.Unstructured) error {
	at := slices.IndexFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.Kind == "MachinePool" })
	if at < 0 {
		return nil // the MachinePool's controller will say whose it is
	}
	pool := &clusterv1.MachinePool{}
	name := o.GetOwnerReferences()[at].Name
	if err := m.management.Get(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: name}, pool); client.IgnoreNotFound(err) != nil {
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
	withMachines, _, err := unstructured.NestedBool(o.Object, "spec", "withMachines")
	if err != nil {
		return err
	}
	keep := m.keepNodes
	if withMachines {
		keep = m.keepMachines
	}
	ids, err := keep(ctx, o, name, want)
	switch {
	case err != nil:
		return err
	case o.GetDeletionTimestamp() != nil && len(ids) > 0:
		return errLater
	case o.GetDeletionTimestamp() != nil:
		controllerutil.RemoveFinalizer(o, finalizer)
		return nil
	}
	if withMachines {
		if err := set(o, kindMachine, "status", "infrastructureMachineKind"); err != nil {
			return err
		}
	}
	return errors.Join(
		set(o, ids, "spec", "providerIDList"),
		set(o, int64(len(ids)), "status", "replicas"),
		set(o, true, "status", "ready"), // of MachinePools its controller still asks for that
	)
}

// keepNodes keeps nodes that have no Machines. Which go when there are too many is the group's to say: the last.
func (m *machines) keepNodes(ctx context.Context, o *unstructured.Unstructured, pool string, want int) ([]any, error) {
	workload, err := m.workload(ctx, o)
	if err != nil {
		return nil, err
	}
	before, _, err := unstructured.NestedStringSlice(o.Object, "spec", "providerIDList")
	if err != nil {
		return nil, err
	}
	for _, id := range before[min(want, len(before)):] {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: id[strings.LastIndex(id, "/")+1:]}}
		if err := workload.Delete(ctx, node); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
	}
	ids := make([]any, want)
	for i := range want {
		node := newNode(fmt.Sprintf("%s-%d", pool, i), zones[i%len(zones)])
		node.Spec.ProviderID = "kwok:///" + o.GetNamespace() + "/" + node.Name
		ids[i] = node.Spec.ProviderID
		if err := workload.Create(ctx, node); err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
	}
	return ids, nil
}

// keepMachines keeps machines of which the MachinePool's controller makes Machines. Of too many those go first whose Machines are marked for
// it, then the last by name, and each by its Machine, so that Cluster API drains it: as the design of MachinePool Machines has it.
func (m *machines) keepMachines(ctx context.Context, o *unstructured.Unstructured, pool string, want int) ([]any, error) {
	of := map[string]string{clusterv1.ClusterNameLabel: o.GetLabels()[clusterv1.ClusterNameLabel], clusterv1.MachinePoolNameLabel: pool}
	// As they are now: of what a cache does not have yet there would be too many.
	all, known := &unstructured.UnstructuredList{}, &clusterv1.MachineList{}
	all.SetGroupVersionKind(infrastructure.WithKind(kindMachine + "List"))
	for _, list := range []client.ObjectList{all, known} {
		if err := m.now.List(ctx, list, client.InNamespace(o.GetNamespace()), client.MatchingLabels(of)); err != nil {
			return nil, err
		}
	}
	ids := []any{}
	var marked, others []client.Object
	for i := range all.Items {
		machine := &all.Items[i]
		if id, _, err := unstructured.NestedString(machine.Object, "spec", "providerID"); err == nil && id != "" {
			ids = append(ids, id)
		}
		at := slices.IndexFunc(known.Items, func(k clusterv1.Machine) bool { return k.Name == machine.GetName() })
		switch {
		case at < 0 && metav1.GetControllerOf(machine) == nil && machine.GetDeletionTimestamp() == nil:
			others = append(others, machine) // it has no Machine yet
		case at < 0 || known.Items[at].DeletionTimestamp != nil || machine.GetDeletionTimestamp() != nil:
			// It goes.
		case metav1.HasAnnotation(known.Items[at].ObjectMeta, clusterv1.DeleteMachineAnnotation):
			marked = append(marked, &known.Items[at])
		default:
			others = append(others, &known.Items[at])
		}
	}
	staying := slices.Concat(others, marked)
	for _, machine := range staying[min(want, len(staying)):] {
		if err := m.management.Delete(ctx, machine); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
	}
	for range want - len(staying) {
		machine := &unstructured.Unstructured{}
		machine.SetGroupVersionKind(infrastructure.WithKind(kindMachine))
		machine.SetNamespace(o.GetNamespace())
		machine.SetGenerateName(pool + "-")
		machine.SetLabels(of)
		// The controller of each is its Machine.
		machine.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Name: o.GetName(), UID: o.GetUID()}})
		if err := m.management.Create(ctx, machine); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// groupWith has the group of a machine looked at when that changes.
func groupWith() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []ctrl.Request {
		for _, r := range o.GetOwnerReferences() {
			if r.Kind == kindGroup {
				return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: r.Name}}}
			}
		}
		return nil
	})
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
