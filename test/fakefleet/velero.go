package fakefleet

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// answerAsVelero is a Velero that answers at once what it is asked, where its kinds are
// known: which it is, and to delete a Backup. A Backup whose annotation
// fakefleet/undeletable says why is not deleted.
func (s *store) answerAsVelero(o *unstructured.Unstructured) {
	if o.GroupVersionKind().Group != "velero.io" {
		return
	}
	status := map[string]any{"phase": "Processed"}
	switch o.GetKind() {
	case "ServerStatusRequest":
		status["serverVersion"] = "v1.18.3"
	case "DeleteBackupRequest":
		name, _, _ := unstructured.NestedString(o.Object, "spec", "backupName")
		i := slices.IndexFunc(s.objects, func(b *unstructured.Unstructured) bool { return b.GetKind() == "Backup" && b.GetName() == name })
		if i < 0 {
			status["errors"] = []any{"backup not found"}
			break
		}
		if why := s.objects[i].GetAnnotations()["fakefleet/undeletable"]; why != "" {
			status["errors"] = []any{why}
			break
		}
		s.drop(s.objects[i])
	default:
		return
	}
	o.Object["status"] = status
}
