package bed

import (
	"fmt"
	"maps"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// writeKubeconfig merges the administrators' files of all clusters; the first cluster's context is the current one.
func (b *Bed) writeKubeconfig() error {
	merged := clientcmdapi.NewConfig()
	for _, c := range b.Clusters() {
		config, err := clientcmd.LoadFromFile(c.Kubeconfig())
		if err != nil {
			return fmt.Errorf("cluster %s: %w", c.Name, err)
		}
		maps.Copy(merged.Clusters, config.Clusters)
		maps.Copy(merged.AuthInfos, config.AuthInfos)
		maps.Copy(merged.Contexts, config.Contexts)
		if merged.CurrentContext == "" {
			merged.CurrentContext = config.CurrentContext
		}
	}
	raw, err := clientcmd.Write(*merged)
	if err != nil {
		return err
	}
	temp := b.Kubeconfig() + ".new"
	if err := os.WriteFile(temp, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, b.Kubeconfig())
}
