package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// identity says what the driver is.
type identity struct {
	csi.UnimplementedIdentityServer
}

// GetPluginInfo implements csi.IdentityServer.
func (identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: "1"}, nil
}

// GetPluginCapabilities implements csi.IdentityServer.
func (identity) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	service := &csi.PluginCapability_Service{Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}
	return &csi.GetPluginCapabilitiesResponse{Capabilities: []*csi.PluginCapability{{Type: &csi.PluginCapability_Service_{Service: service}}}}, nil
}

// Probe implements csi.IdentityServer.
func (identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

// driver takes snapshots.
type driver struct {
	csi.UnimplementedControllerServer
	storage storage
}

// ControllerGetCapabilities implements csi.ControllerServer.
func (driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, can := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT, csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
	} {
		rpc := &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: can}}
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{Type: rpc})
	}
	return answer, nil
}

// CreateSnapshot implements csi.ControllerServer. The copy is made before it returns, so that what is taken is also ready.
func (d driver) CreateSnapshot(_ context.Context, r *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	is, err := d.storage.take(r.GetName(), r.GetSourceVolumeId())
	switch {
	case errors.Is(err, errOther):
		return nil, status.Error(codes.AlreadyExists, err.Error())
	case errors.Is(err, errRestless):
		return nil, status.Error(codes.Aborted, err.Error())
	case errors.Is(err, fs.ErrNotExist):
		return nil, status.Error(codes.NotFound, err.Error())
	case err != nil:
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.CreateSnapshotResponse{Snapshot: said(is)}, nil
}

// DeleteSnapshot implements csi.ControllerServer. One that is gone is no error.
func (d driver) DeleteSnapshot(_ context.Context, r *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if err := d.storage.remove(d.storage.snapshot(r.GetSnapshotId())); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

// ListSnapshots implements csi.ControllerServer. All are on one page.
func (d driver) ListSnapshots(_ context.Context, r *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	if r.GetStartingToken() != "" {
		return nil, status.Error(codes.Aborted, "there is one page only")
	}
	all, err := d.storage.all()
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	answer := &csi.ListSnapshotsResponse{}
	for _, is := range all {
		if (r.GetSnapshotId() == "" || r.GetSnapshotId() == is.ID) && (r.GetSourceVolumeId() == "" || r.GetSourceVolumeId() == is.Volume) {
			answer.Entries = append(answer.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: said(is)})
		}
	}
	return answer, nil
}

func said(is snapshot) *csi.Snapshot {
	return &csi.Snapshot{SnapshotId: is.ID, SourceVolumeId: is.Volume, CreationTime: timestamppb.New(is.Taken), ReadyToUse: true}
}
