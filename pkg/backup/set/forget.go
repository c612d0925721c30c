package set

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Forget deletes what a cluster remembers of a set: the manifest first, and the journal,
// which is what it is found by, last. What is gone already is no error.
func Forget(ctx context.Context, store state.Store, uid types.UID, name string) error {
	resource := member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, Kind: "ConfigMap", Namespaced: true}
	manifest, err := store.Member.Object(ctx, resource, store.Namespace, recordPrefix+name)
	if err == nil {
		err = store.Member.Delete(ctx, resource, store.Namespace, manifest.GetName(), manifest.GetUID(), member.WriteOptions{})
	}
	if err != nil && !member.IsObjectNotFound(err) {
		return err
	}
	journal, err := Load(ctx, store, uid, name)
	if err != nil || journal == nil {
		return err
	}
	return journal.Delete(ctx)
}
