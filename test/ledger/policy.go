package ledger

import (
	"fmt"
	"strings"
)

// Policy is a BackupSchedule by which everything is held still, through a pod app=till
// in each cluster. hard says of each hold that nothing is written while it lasts.
func (l *Ledger) Policy(hard bool) string {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: ledger}
spec:
  velero: {template: {includedNamespaces: [%s], ttl: 1h}}
  maxFreeze: 60s
  members:
`, l.namespace)
	for _, c := range l.clusters {
		fmt.Fprintf(&text, "  - {cluster: %s}\n", c)
	}
	if l.kept == InVolumes { // and nothing else is in the application
		text.WriteString("  cut: Volumes\n")
	}
	text.WriteString("  quiesce:\n  - actions:\n")
	for _, c := range l.clusters {
		fmt.Fprintf(&text, `    - clusters: [%s]
      timeout: 20s
      hard: %t
      exec:
        namespace: %s
        selector: app=till
        freeze: [sh, -c, %q]
        release: [sh, -c, %q]
        probe: [sh, -c, %q]
`, c, hard, l.namespace, l.Freeze(c), l.Release(c), l.Probe(c))
	}
	return text.String()
}
