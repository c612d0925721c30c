package main

import (
	"context"
	"errors"
	"fmt"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// directoryAttribute is where a PersistentVolume says which directory it is.
const directoryAttribute = "directory"

// provisioner makes and deletes volumes.
type provisioner struct {
	storage   storage
	snapshots snapshots.Interface
}

// Provision implements controller.Provisioner.
func (p provisioner) Provision(ctx context.Context, o controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	from, err := p.source(ctx, o.PVC)
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := p.storage.makeVolume(o.PVName, from); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			VolumeMode:                    o.PVC.Spec.VolumeMode,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: o.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: driverName, VolumeHandle: o.PVName, VolumeAttributes: map[string]string{directoryAttribute: p.storage.volume(o.PVName)},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

// source is the handle of the snapshot that a claim is to be made of; empty: it is to be empty.
func (p provisioner) source(ctx context.Context, claim *corev1.PersistentVolumeClaim) (string, error) {
	from := claim.Spec.DataSource
	if from == nil {
		return "", nil
	}
	if from.Kind != "VolumeSnapshot" {
		return "", fmt.Errorf("a volume is not made of a %s", from.Kind)
	}
	taken, err := p.snapshots.SnapshotV1().VolumeSnapshots(claim.Namespace).Get(ctx, from.Name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if s := taken.Status; s == nil || s.BoundVolumeSnapshotContentName == nil || s.ReadyToUse == nil || !*s.ReadyToUse {
		return "", fmt.Errorf("VolumeSnapshot %s is not ready", from.Name)
	}
	content, err := p.snapshots.SnapshotV1().VolumeSnapshotContents().Get(ctx, *taken.Status.BoundVolumeSnapshotContentName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if content.Spec.Driver != driverName {
		return "", fmt.Errorf("VolumeSnapshot %s is of another driver, %s", from.Name, content.Spec.Driver)
	}
	if content.Status == nil || content.Status.SnapshotHandle == nil {
		return "", errors.New("its VolumeSnapshotContent has no handle")
	}
	return *content.Status.SnapshotHandle, nil
}

// Delete implements controller.Provisioner.
func (p provisioner) Delete(_ context.Context, pv *corev1.PersistentVolume) error {
	return p.storage.remove(p.storage.volume(pv.Spec.CSI.VolumeHandle))
}
