package velero

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// The ways in which Velero takes a volume, as BackupVolume.Method has them.
const (
	ByCSI        = "CSI"
	ByNative     = "Native"
	ByFileSystem = "FileSystem"
	ByNone       = "None"
)

// maxJSON bounds what is read of an artifact that is a document, in bytes.
const maxJSON = 64 << 20

// volumeInfo is what Velero notes of a volume, as far as it is read here. Its own type is
// not for others.
type volumeInfo struct {
	Claim     string `json:"pvcName"`
	Namespace string `json:"pvcNamespace"`
	Volume    string `json:"pvName"`
	Method    string `json:"backupMethod"`
	Moved     bool   `json:"snapshotDataMoved"`
	Skipped   bool   `json:"skipped"`
	Reason    string `json:"skippedReason"`
	Result    string `json:"result"`
	// Started is the storage's time of a snapshot that is not moved.
	Started metav1.Time `json:"startTimestamp"`

	CSI    *snapshotInfo `json:"csiSnapshotInfo"`
	Mover  *snapshotInfo `json:"snapshotDataMovementInfo"`
	Native *snapshotInfo `json:"nativeSnapshotInfo"`
	Pod    *snapshotInfo `json:"pvbInfo"`
}

type snapshotInfo struct {
	Handle string `json:"snapshotHandle"`
	Driver string `json:"driver"`
	// Phase is that of what moves or copies the data.
	Phase string `json:"Phase"` //nolint:tagliatelle // Velero's
}

// unknown is what Velero says of what it does not know.
const unknown = "unknown"

// uploaded is the phase of a DataUpload that has moved all data.
const uploaded = "Completed"

// BackupVolumes is what became of the volumes of a Backup that has ended.
func (s Server) BackupVolumes(ctx context.Context, name string) ([]v1alpha1.BackupVolume, error) {
	var infos []volumeInfo
	if err := s.document(ctx, velerov1.DownloadTargetKindBackupVolumeInfos, name, &infos); err != nil {
		return nil, err
	}
	volumes := make([]v1alpha1.BackupVolume, 0, len(infos))
	for i := range infos {
		volumes = append(volumes, infos[i].volume())
	}
	slices.SortFunc(volumes, func(a, b v1alpha1.BackupVolume) int {
		return strings.Compare(a.Namespace+"/"+a.Claim, b.Namespace+"/"+b.Claim)
	})
	return volumes, nil
}

func (i *volumeInfo) volume() v1alpha1.BackupVolume {
	v := v1alpha1.BackupVolume{Namespace: i.Namespace, Claim: i.Claim, Method: ByNone, Moved: i.Moved}
	var taken *snapshotInfo
	switch i.Method {
	case "CSISnapshot":
		v.Method, taken = ByCSI, i.CSI
	case "NativeSnapshot":
		v.Method, taken = ByNative, i.Native
	case "PodVolumeBackup":
		v.Method, taken = ByFileSystem, i.Pod
	}
	if taken != nil {
		v.Handle, v.Driver = taken.Handle, taken.Driver
	}
	switch {
	case i.Moved && i.Mover != nil && i.Mover.Handle != "":
		v.Handle = i.Mover.Handle // what the snapshot had is gone after it
	case v.Handle == unknown:
		v.Handle = ""
	}
	if v.Method == ByCSI && !i.Moved && !i.Started.IsZero() {
		v.Taken = metav1.NewMicroTime(i.Started.Time)
	}
	switch {
	case i.Skipped && i.Reason != "":
		v.Skipped = i.Reason
	case i.Skipped:
		v.Skipped = "Velero does not say why"
	case i.Moved && !i.isUploaded():
		v.Skipped = "its data were not moved to the location"
		if i.Mover != nil && i.Mover.Phase != "" {
			v.Skipped += ": the DataUpload is " + i.Mover.Phase
		}
	case i.Result == "failed":
		v.Skipped = "it failed"
	}
	return v
}

// isUploaded is true for a volume whose data are all at the location. A Velero that does
// not tell the phase tells a handle only then.
func (i *volumeInfo) isUploaded() bool {
	return i.Mover != nil && (i.Mover.Phase == uploaded || i.Mover.Phase == "" && i.Mover.Handle != "")
}

// Results are what went wrong with a Backup or a Restore, in Velero's own words.
type Results struct{ Errors, Warnings []string }

// result is one of the two halves of what Velero writes.
type result struct {
	Velero     []string            `json:"velero"`
	Cluster    []string            `json:"cluster"`
	Namespaces map[string][]string `json:"namespaces"`
}

func (r result) texts() []string {
	texts := slices.Concat(r.Velero, r.Cluster)
	var inNamespaces []string
	for namespace, lines := range r.Namespaces {
		for _, line := range lines {
			inNamespaces = append(inNamespaces, namespace+": "+line)
		}
	}
	slices.Sort(inNamespaces)
	return append(texts, inNamespaces...)
}

// Results reads what went wrong. kind is that of a Backup or of a Restore.
func (s Server) Results(ctx context.Context, kind velerov1.DownloadTargetKind, name string) (Results, error) {
	var both struct {
		Errors   result `json:"errors"`
		Warnings result `json:"warnings"`
	}
	err := s.document(ctx, kind, name, &both)
	return Results{Errors: both.Errors.texts(), Warnings: both.Warnings.texts()}, err
}

// document reads an artifact that is JSON.
func (s Server) document(ctx context.Context, kind velerov1.DownloadTargetKind, name string, into any) error {
	body, err := s.Artifact(ctx, kind, name)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxJSON+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxJSON:
		err = fmt.Errorf("%s of %s is larger than %d bytes", kind, name, maxJSON)
	default:
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
	}
	return nil
}
