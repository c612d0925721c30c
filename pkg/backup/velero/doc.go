// Package velero is the door to the Velero of one cluster: its kinds, and how its
// objects are read and written. Nothing else of ours knows where they are.
package velero

import velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

// BackupName is the label that ties what Velero makes to its Backup.
const BackupName = velerov1.BackupNameLabel

// DefaultNamespace is where Velero runs, unless it is said otherwise.
const DefaultNamespace = velerov1.DefaultNamespace
