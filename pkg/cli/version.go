package cli

import (
	"runtime"
	"runtime/debug"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// clientModule is the module whose version is our client library's.
const clientModule = "k8s.io/client-go"

// PluginVersion is what the binary knows of itself, from the build information
// that the Go linker puts there. A build outside a release is "devel".
func PluginVersion(plugin string) v1alpha1.Version {
	v := v1alpha1.Version{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.VersionKind},
		ObjectMeta: metav1.ObjectMeta{Name: plugin},
		Version:    "devel",
		GoVersion:  runtime.Version(),
		Platform:   runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if release := build.Main.Version; release != "" && release != "(devel)" {
		v.Version = release
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	for _, dep := range build.Deps {
		if dep.Path == clientModule {
			v.KubernetesClient = dep.Version
		}
	}
	return v
}

// userAgent is how API servers' audit logs see us: the plugin, and its command.
func (e *Env) userAgent() string {
	v := PluginVersion(e.Plugin)
	about := v.Platform
	if e.command != "" {
		about += "; " + e.command
	}
	agent := e.Plugin + "/" + v.Version + " (" + about + ")"
	if v.Commit != "" {
		agent += " " + v.Commit
	}
	return agent
}
