package restore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

const (
	// setLabel is on the record of a restore: the set's name.
	setLabel = "kubectl-fleet.io/restored-set"
	// lockName is the Lease of whoever restores into a cluster.
	lockName     = "restore"
	recordSchema = 1
)

// kept is what a record holds.
type kept struct {
	Schema    int                       `json:"schema"`
	Execution v1alpha1.RestoreExecution `json:"execution"`
}

// recordName is where a target remembers the last restore of a set, and the last drill.
func recordName(x *v1alpha1.RestoreExecution) string {
	if x.Spec.Purpose == v1alpha1.RestoreForDrill {
		return "drill." + x.Spec.Set
	}
	return "restore." + x.Spec.Set
}

func storeOf(m *member.Member, s Settings) state.Store {
	return state.Store{Member: m, Namespace: s.StateNamespace}
}

// remembered is what a target remembers of restores of a set for the same purpose; nil
// if it remembers none.
func remembered(ctx context.Context, store state.Store, x *v1alpha1.RestoreExecution) (*v1alpha1.RestoreExecution, error) {
	j, err := store.Journal(ctx, recordName(x))
	if err != nil || j == nil {
		return nil, err
	}
	value := kept{}
	if err := j.Decode(&value); err != nil {
		return nil, err
	}
	if value.Schema > recordSchema {
		return nil, fmt.Errorf("secret %s/%s was written by a newer release (schema %d, this one knows %d)", store.Namespace, j.Name(), value.Schema, recordSchema)
	}
	return &value.Execution, nil
}

// unfinished is true for a run that something is left to be done of.
func unfinished(x *v1alpha1.RestoreExecution) bool {
	return x.Status.Phase == v1alpha1.RestoreRestoring || x.Spec.Purpose == v1alpha1.RestoreForDrill && !x.Status.Cleaned
}

// sameIntent is true for runs that do the same, whoever began them.
func sameIntent(a, b *v1alpha1.RestoreExecution) bool {
	intent := func(x *v1alpha1.RestoreExecution) string {
		spec := x.Spec
		spec.By, spec.Version = "", ""
		text, err := json.Marshal(spec)
		if err != nil {
			panic(err) // it came from JSON, and goes there
		}
		return string(text)
	}
	return intent(a) == intent(b)
}

// copyOf shares nothing with a run.
func copyOf(x *v1alpha1.RestoreExecution) v1alpha1.RestoreExecution {
	text, err := json.Marshal(x)
	if err != nil {
		panic(err) // as above
	}
	c := v1alpha1.RestoreExecution{}
	if err := json.Unmarshal(text, &c); err != nil {
		panic(err)
	}
	return c
}
