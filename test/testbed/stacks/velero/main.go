// Command velero is Velero as it is, server and command line, but for one thing: its server also listens on port 8080 of every interface,
// and no flag says otherwise.
package main

import (
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/vmware-tanzu/velero/pkg/buildinfo"
	"github.com/vmware-tanzu/velero/pkg/cmd"
	"github.com/vmware-tanzu/velero/pkg/cmd/velero"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	metricsserver.DefaultBindAddress = "0"
	buildinfo.Version = version()
	cmd.CheckError(velero.NewCommand(filepath.Base(os.Args[0])).Execute())
}

// version is that of the module, which Velero's own build gives to the linker.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == "github.com/vmware-tanzu/velero" {
			return module.Version
		}
	}
	return ""
}
