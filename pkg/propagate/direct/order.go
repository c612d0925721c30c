package direct

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// stage is when an object is applied: what others need to exist goes before
// them. Objects of one stage go in parallel, and are deleted in the opposite
// order.
type stage int

const (
	stageNamespaces stage = iota
	stageDefinitions
	stageSettings
	stageWorkloads
	// stageWebhooks: they may refuse everything until the workload behind them is
	// there.
	stageWebhooks
	stages
)

func stageOf(kind schema.GroupKind) stage {
	switch kind.Group {
	case "":
		switch kind.Kind {
		case "Namespace":
			return stageNamespaces
		case "Pod", "ReplicationController":
			return stageWorkloads
		}
	case "apiextensions.k8s.io":
		return stageDefinitions
	case "apps", "batch":
		return stageWorkloads
	case "admissionregistration.k8s.io":
		return stageWebhooks
	}
	return stageSettings
}

func (c *Change) stage() stage { return stageOf(c.Object.GroupVersionKind().GroupKind()) }

// inOrder sorts by stage, and as they were written inside of one.
func inOrder(changes []*Change) []*Change {
	slices.SortStableFunc(changes, func(a, b *Change) int { return int(a.stage() - b.stage()) })
	return changes
}
