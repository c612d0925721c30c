package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VersionKind is the kind that `version -o json` prints for the plugin itself.
const VersionKind = "Version"

// Version is what a plugin says of itself.
type Version struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the binary's name, such as kubectl-fleet.
	metav1.ObjectMeta `json:"metadata"`

	// Version is the release, such as v0.3.0, or "devel".
	Version string `json:"version"`
	// Commit is the revision it was built from, when known.
	Commit string `json:"commit,omitempty"`
	// GoVersion is the Go release it was built with.
	GoVersion string `json:"goVersion"`
	// Platform is GOOS/GOARCH.
	Platform string `json:"platform"`
	// KubernetesClient is the version of k8s.io/client-go.
	KubernetesClient string `json:"kubernetesClient"`
}
