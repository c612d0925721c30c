// Package journal is what a cluster remembers of a run by which nodes leave it. It
// is one record of the state namespace, written with the resourceVersion that it
// was read with: a second writer is found, and stops.
package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

const (
	recordName = "scale"
	schema     = 1
	// LockName is the Lease of whoever works on the nodes of a cluster.
	LockName = "scale"
)

// Phase is how far a run has come in a cluster.
type Phase string

// The phases of a run.
const (
	// Running: somebody is at work, or was killed at it.
	Running Phase = "Running"
	// Paused: it stopped before its end, and can be taken up again.
	Paused Phase = "Paused"
	// Done: every node of the plan has gone, or stays for good.
	Done Phase = "Done"
	// Aborted: somebody ended it.
	Aborted Phase = "Aborted"
)

// NodePhase is how far a node has come.
type NodePhase string

// The phases of a node, in their order.
const (
	// Waiting: its wave has not come.
	Waiting NodePhase = "Waiting"
	// Draining: it may have our marks, and pods of it have been evicted.
	Draining NodePhase = "Draining"
	// Removing: its removal has begun, and cannot be undone.
	Removing NodePhase = "Removing"
	// Removed: it is gone.
	Removed NodePhase = "Removed"
	// Joined: it has come, and takes pods.
	Joined NodePhase = "Joined"
	// Drained: it is empty and stays, as was asked for.
	Drained NodePhase = "Drained"
	// Kept: it stays, without our marks; Why says why.
	Kept NodePhase = "Kept"
)

// Ended is true if nothing is to be done for a node any more.
func (p NodePhase) Ended() bool { return p == Removed || p == Drained || p == Kept || p == Joined }

// Node is a node of a run.
type Node struct {
	remove.Node `json:",inline"`

	Wave  int                `json:"wave"`
	Owner v1alpha1.NodeOwner `json:"owner,omitzero"`
	Phase NodePhase          `json:"phase"`
	// Why it is kept, or what it waits for.
	Why string `json:"why,omitempty"`
	// Recordoned: somebody took our mark away once, and it was made again.
	Recordoned bool `json:"recordoned,omitempty"`
}

// Workload is one whose pods were moved, and how many were Ready before.
type Workload struct {
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
	Ready     int       `json:"ready"`
}

// Journal is what is remembered.
type Journal struct {
	Schema int    `json:"schema"`
	Run    string `json:"run"`
	// By is who began it, as USER@HOST, and Started when.
	By      string  `json:"by"`
	Started string  `json:"started"`
	Phase   Phase   `json:"phase"`
	Why     string  `json:"why,omitempty"`
	Options Options `json:"options"`
	Nodes   []Node  `json:"nodes"`
	// Growth is what a run is about by which nodes come; nil: nodes leave.
	Growth *Growth `json:"growth,omitempty"`
	// Steps are the removals that were begun.
	Steps []*remove.Step `json:"steps,omitempty"`
	// Touched are the workloads whose pods were moved, as they were before.
	Touched []Workload `json:"touched,omitempty"`
	// Pending are the pods that had no place before, by UID.
	Pending []types.UID `json:"pending,omitempty"`
}

// Growth is a pool that gets more nodes.
type Growth struct {
	// Pool is it, as it was before.
	Pool remove.Pool `json:"pool"`
	// To is the count that it gets.
	To int64 `json:"to"`
	// Before are the nodes that the cluster had, by UID.
	Before []types.UID `json:"before,omitempty"`
	// Told: the pool has been given the count.
	Told bool `json:"told,omitempty"`
}

// New is how many nodes are to come.
func (g *Growth) New() int { return int(g.To - *g.Pool.Owner.Count) }

// Options are those that a run was begun with, so that whoever resumes it does the
// same.
type Options struct {
	KeepNodes          bool   `json:"keepNodes,omitempty"`
	Force              bool   `json:"force,omitempty"`
	DeleteEmptyDirData bool   `json:"deleteEmptyDirData,omitempty"`
	PodSelector        string `json:"podSelector,omitempty"`
	Grace              *int64 `json:"gracePeriodSeconds,omitempty"`
	Timeout            string `json:"timeout"`
	Settle             string `json:"settle,omitempty"`
	Tight              bool   `json:"tight,omitempty"`
	Parallel           int    `json:"parallel"`
	// Remover and its settings, as the user gave them.
	Remover        string `json:"remover,omitempty"`
	StoppedKubelet bool   `json:"stoppedKubelet,omitempty"`
	Away           string `json:"away,omitempty"`
	Management     string `json:"management,omitempty"`
	Autoscaler     bool   `json:"autoscaler,omitempty"`
}

// Node finds a node of the run.
func (j *Journal) Node(name string) *Node {
	i := slices.IndexFunc(j.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &j.Nodes[i]
}

// Run is the journal in a cluster.
type Run struct {
	Journal

	kept *state.Journal
}

// Load reads the journal of a cluster. One that is not there is nil.
func Load(ctx context.Context, store state.Store) (*Run, error) {
	kept, err := store.Journal(ctx, recordName)
	if err != nil || kept == nil {
		return nil, err
	}
	r := &Run{kept: kept}
	if err := kept.Decode(&r.Journal); err != nil {
		return nil, err
	}
	if r.Schema > schema {
		return nil, fmt.Errorf("secret %s/%s was written by a newer release (schema %d, this one knows %d)", store.Namespace, recordName, r.Schema, schema)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", store.Namespace, recordName, err)
	}
	return r, nil
}

// check refuses what no release has written: whoever may write Secrets in a cluster
// may have changed it.
func (j *Journal) check() error {
	if j.Growth != nil && j.Growth.Pool.Owner.Count == nil {
		return errors.New("it is of a pool that grows, and does not say from how many")
	}
	if slices.Contains(j.Steps, nil) {
		return errors.New("one of its removals is empty")
	}
	return nil
}

// Begin begins a journal in the place of that of a run that has ended; before may be
// nil.
func Begin(ctx context.Context, store state.Store, before *Run, j Journal) (*Run, error) {
	if err := store.EnsureNamespace(ctx); err != nil {
		return nil, err
	}
	r := &Run{Journal: j, kept: store.NewJournal(recordName, nil)}
	if before != nil {
		r.kept = before.kept
	}
	return r, r.Save(ctx)
}

// Save writes the journal, if nobody else has since it was read (state.ErrChanged).
func (r *Run) Save(ctx context.Context) error {
	r.Schema = schema
	return r.kept.Save(ctx, r.Journal)
}
