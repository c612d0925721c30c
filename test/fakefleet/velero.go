package fakefleet

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// artifacts is the path below which a server keeps, as an object store, what its Velero
// has of Backups.
const artifacts = "/fakefleet/artifacts/"

// answerAsVelero is a Velero that does at once what it is asked, where its kinds are known:
// it says which it is, makes Backups of three items and deletes them, unless a location is
// ReadOnly, and says where their logs are.
func (s *store) answerAsVelero(o *unstructured.Unstructured) {
	if o.GroupVersionKind().Group != "velero.io" {
		return
	}
	status := map[string]any{"phase": "Processed"}
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(o.Object, fields...)
		return value
	}
	switch o.GetKind() {
	case "ServerStatusRequest":
		status["serverVersion"] = "v1.18.3"
	case "DownloadRequest":
		status["downloadURL"] = s.artifacts + text("spec", "target", "kind") + "/" + text("spec", "target", "name") + "?signature=secret"
	case "Backup":
		now := time.Now().UTC()
		if text("spec", "storageLocation") == "" {
			_ = unstructured.SetNestedField(o.Object, "default", "spec", "storageLocation")
		}
		status["phase"], status["progress"] = "Completed", map[string]any{"totalItems": int64(3), "itemsBackedUp": int64(3)}
		status["startTimestamp"], status["completionTimestamp"] = now.Format(time.RFC3339), now.Format(time.RFC3339)
		status["expiration"] = now.AddDate(0, 0, 30).Format(time.RFC3339)
	case "DeleteBackupRequest":
		if err := s.deleteBackup(text("spec", "backupName")); err != "" {
			status["errors"] = []any{"backup deletion failed: " + err}
		}
	default:
		return
	}
	o.Object["status"] = status
}

// deleteBackup deletes a Backup, or says why not.
func (s *store) deleteBackup(name string) string {
	i := slices.IndexFunc(s.objects, func(b *unstructured.Unstructured) bool { return b.GetKind() == "Backup" && b.GetName() == name })
	if i < 0 {
		return "backup not found"
	}
	for _, o := range s.objects {
		if mode, _, _ := unstructured.NestedString(o.Object, "spec", "accessMode"); o.GetKind() == "BackupStorageLocation" && mode == "ReadOnly" {
			return "cannot delete backup because backup storage location " + o.GetName() + " is currently in read-only mode"
		}
	}
	s.drop(s.objects[i])
	return ""
}

// writeArtifact is the object store: it has logs, and needs no login.
func writeArtifact(w http.ResponseWriter, r *http.Request) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, artifacts), "/")
	if kind != "BackupLog" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	packed := gzip.NewWriter(w)
	_, _ = fmt.Fprintf(packed, "level=info msg=\"Backed up a total of 3 items\" backup=velero/%[1]s\nlevel=info msg=\"\x1b[31mred\" backup=velero/%[1]s\n", name)
	_ = packed.Close()
}

// AddVelero gives the server Velero's kinds, its namespace, and a location that is of the
// server alone and was reached just now.
func (s *Server) AddVelero() error {
	kinds := map[string]string{
		"backups": "Backup", "restores": "Restore", "schedules": "Schedule", "backupstoragelocations": "BackupStorageLocation",
		"volumesnapshotlocations": "VolumeSnapshotLocation", "downloadrequests": "DownloadRequest",
		"deletebackuprequests": "DeleteBackupRequest", "serverstatusrequests": "ServerStatusRequest",
	}
	documents := &strings.Builder{}
	documents.WriteString("apiVersion: v1\nkind: Namespace\nmetadata: {name: velero}\n")
	for plural, kind := range kinds {
		_, _ = fmt.Fprintf(documents, `---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.velero.io}
spec:
  group: velero.io
  scope: Namespaced
  names: {plural: %[1]s, kind: %[2]s}
  versions: [{name: v1, served: true, storage: true}]
`, plural, kind)
	}
	_, _ = fmt.Fprintf(documents, `---
apiVersion: velero.io/v1
kind: BackupStorageLocation
metadata: {name: default, namespace: velero}
spec: {provider: aws, default: true, objectStorage: {bucket: backups, prefix: %s, caCert: %s}}
status: {phase: Available, lastValidationTime: %s}
`, s.Name, base64.StdEncoding.EncodeToString(s.CA), time.Now().UTC().Format(time.RFC3339))
	s.mu.Lock()
	s.store.artifacts = s.URL + artifacts
	s.mu.Unlock()
	return s.Load([]byte(documents.String()))
}
