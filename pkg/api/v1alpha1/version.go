package v1alpha1

// VersionKind is the kind that `version -o json` prints for the plugin itself.
const VersionKind = "Version"

// Version is what a plugin says of itself.
type Version struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Plugin is the binary's name, such as kubectl-fleet.
	Plugin string `json:"plugin"`
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
