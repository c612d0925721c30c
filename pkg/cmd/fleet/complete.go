package fleet

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// completeObjects completes TYPE NAME… and TYPE/NAME, and types separated by
// commas. namespace is where the objects are.
func completeObjects(clusters *cli.ClusterFlags, namespace *string) cobra.CompletionFunc {
	return clusters.CompleteFrom(func(ctx context.Context, s cli.Selection, args []string, typed string) []cobra.Completion {
		if kind, _, pair := strings.Cut(typed, "/"); pair {
			return prefixed(kind+"/", objectNames(ctx, s, kind, *namespace))
		}
		if len(args) == 0 {
			return prefixed(typed[:strings.LastIndex(typed, ",")+1], query.TypeNames(ctx, fleetOf(s)))
		}
		if strings.ContainsAny(args[0], "/,") {
			return nil
		}
		return objectNames(ctx, s, args[0], *namespace)
	})
}

// completePod completes POD and TYPE/NAME, once.
func completePod(clusters *cli.ClusterFlags, namespace *string) cobra.CompletionFunc {
	return clusters.CompleteFrom(func(ctx context.Context, s cli.Selection, args []string, typed string) []cobra.Completion {
		if len(args) > 0 {
			return nil
		}
		if kind, _, pair := strings.Cut(typed, "/"); pair {
			return prefixed(kind+"/", objectNames(ctx, s, kind, *namespace))
		}
		return objectNames(ctx, s, "pods", *namespace)
	})
}

// completeSets completes the name of a set, once.
func completeSets(clusters *cli.ClusterFlags, stateNamespace *string) cobra.CompletionFunc {
	return clusters.CompleteFrom(func(ctx context.Context, s cli.Selection, args []string, _ string) []cobra.Completion {
		if len(args) > 0 {
			return nil
		}
		return propagate.SetNames(ctx, propagate.Fleet{Clusters: s.Clusters, Members: s.Members, Fanout: s.Fanout}, *stateNamespace)
	})
}

// complete gives a command completion of its arguments, and of --namespace.
func complete(cmd *cobra.Command, clusters *cli.ClusterFlags, args cobra.CompletionFunc) {
	cmd.ValidArgsFunction = args
	_ = cmd.RegisterFlagCompletionFunc("namespace", completeNamespaces(clusters)) // it fails without that flag
}

// completeNamespaces completes the value of --namespace.
func completeNamespaces(clusters *cli.ClusterFlags) cobra.CompletionFunc {
	return clusters.CompleteFrom(func(ctx context.Context, s cli.Selection, _ []string, _ string) []cobra.Completion {
		return objectNames(ctx, s, "namespaces", "")
	})
}

func objectNames(ctx context.Context, s cli.Selection, kind, namespace string) []cobra.Completion {
	r := query.Request{Items: []query.Item{{Type: kind}}, Namespace: namespace, ChunkSize: query.DefaultChunkSize}
	if r.Validate() != nil {
		return nil
	}
	return query.ObjectNames(ctx, fleetOf(s), r)
}

func prefixed(prefix string, names []string) []cobra.Completion {
	for i := range names {
		names[i] = prefix + names[i]
	}
	return names
}
