package velero

import (
	"context"
	"crypto/x509"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

func secrets() member.Resource {
	return member.Resource{GroupVersionResource: corev1.SchemeGroupVersion.WithResource("secrets"), Kind: "Secret", Namespaced: true}
}

// authorities are those who may sign the certificate of the object store of a Backup or
// Restore: the system's, and what the BackupStorageLocation says.
func (s Server) authorities(ctx context.Context, kind velerov1.DownloadTargetKind, name string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if strings.HasPrefix(string(kind), "Restore") {
		restore, err := read[velerov1.Restore](ctx, s, resource("restores", "Restore"), name)
		if err != nil {
			return nil, err
		}
		name = restore.Spec.BackupName
	}
	backup, err := s.Backup(ctx, name)
	if err != nil {
		return nil, err
	}
	location, err := s.Location(ctx, backup.Spec.StorageLocation)
	if err != nil || location.Spec.ObjectStorage == nil {
		return roots, err
	}
	if ref := location.Spec.ObjectStorage.CACertRef; ref != nil {
		pem, err := s.secret(ctx, ref)
		if err != nil {
			return nil, err
		}
		roots.AppendCertsFromPEM(pem)
	}
	roots.AppendCertsFromPEM(location.Spec.ObjectStorage.CACert)
	return roots, nil
}

// secret reads one key of a Secret beside Velero.
func (s Server) secret(ctx context.Context, ref *corev1.SecretKeySelector) ([]byte, error) {
	found, err := s.Member.Object(ctx, secrets(), s.Namespace, ref.Name)
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, secret); err != nil {
		return nil, &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
	}
	return secret.Data[ref.Key], nil
}
