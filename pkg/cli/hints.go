package cli

import (
	"fmt"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/clusterapi"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/clusterprofile"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kurator"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// hintFor is the next thing to try after failures with a reason; f is one of them.
func (e *Env) hintFor(reason member.Reason, f fanout.Failure) string {
	cluster, alone := f.Cluster, "-C "+f.Cluster
	if _, hub, is := strings.Cut(cluster, "="); is { // no member name has that: an inventory
		alone = "--context " + hub
	} else if provider, hub, is := strings.Cut(f.Inventory, "="); is {
		if hint := hintForListed(reason, f, provider, hub); hint != "" {
			return hint
		}
		alone = "--inventory " + f.Inventory + " " + alone
	}
	switch reason {
	case member.ReasonUnreachable, member.ReasonServerError, member.ReasonInvalidAnswer:
		return fmt.Sprintf("%s version --server %s -v=6 shows the request", e.DisplayName(), alone)
	case member.ReasonTimeout, member.ReasonIncomplete:
		return "a greater --cluster-timeout waits longer for each answer"
	case member.ReasonUntrusted:
		return "the certificate-authority of that context does not fit the server: fetch its kubeconfig again"
	case member.ReasonLoginFailed:
		return fmt.Sprintf("%s version --server %s logs in to that cluster alone", e.DisplayName(), alone)
	case member.ReasonUnauthorized:
		return "the server does not accept the credentials of that context: log in again"
	case member.ReasonForbidden:
		return e.hintOfRights(cluster)
	case member.ReasonMisconfigured:
		return "kubectl config get-contexts lists the contexts; -C '^" + cluster + "' leaves this cluster out"
	case member.ReasonWrongCluster:
		return "the context of " + cluster + " leads elsewhere than when it joined: compare the fleet file with the kubeconfig"
	case member.ReasonThrottled:
		return "the server asks for fewer requests: try again, or lower --concurrency"
	case member.ReasonNotInstalled:
		if strings.Contains(cluster, "=") {
			return "--inventory wants the context of the hub itself; kubectl config get-contexts lists the contexts"
		}
	case member.ReasonNotFound, member.ReasonInvalid, member.ReasonExpired,
		member.ReasonRefused, member.ReasonUnhealthy, member.ReasonGateFailed, member.ReasonCanceled, member.ReasonInternal:
	}
	return ""
}

// rightsOnHubs is the page about what is asked of a hub, which no role of rbac has.
const rightsOnHubs = "https://github.com/kubectl-fleet/kubectl-fleet/blob/main/docs/rights.md#on-a-hub"

// hintOfRights is for whoever may not do what a command needs in a cluster, or on a hub
// that is called as in --inventory.
func (e *Env) hintOfRights(cluster string) string {
	hint := "kubectl auth can-i --list with that context shows what you may do"
	switch {
	case e.RightsIn != "":
		hint = e.RightsIn + " lists the rights that it needs; " + hint
	case strings.Contains(cluster, "="):
		hint = rightsOnHubs + " lists the rights that are needed there; " + hint
	case e.printsRoles:
		hint = strings.TrimSpace(e.DisplayName()+" rbac "+e.verb()) + " prints the roles that it needs; " + hint
	}
	return hint
}

// hintForListed is for a cluster that a hub lists: how it is reached is written
// there, not in the kubeconfig. Empty: there is nothing that is different.
func hintForListed(reason member.Reason, f fanout.Failure, provider, hub string) string {
	look := fmt.Sprintf("kubectl --context %s get %s -A shows what it has", hub, map[string]string{
		karmada.ProviderName: "clusters.cluster.karmada.io", kurator.ProviderName: "attachedclusters.cluster.kurator.dev,clusters.cluster.kurator.dev",
		clusterapi.ProviderName: "clusters.cluster.x-k8s.io", clusterprofile.ProviderName: "clusterprofiles.multicluster.x-k8s.io",
	}[provider])
	switch reason {
	case member.ReasonUntrusted:
		return fmt.Sprintf("what %s says of %s does not fit the server that answers: %s", f.Inventory, f.Cluster, look)
	case member.ReasonUnauthorized:
		return fmt.Sprintf("the server does not accept the credentials by which %s leads to %s: %s", f.Inventory, f.Cluster, look)
	case member.ReasonForbidden:
		if provider == karmada.ProviderName {
			return fmt.Sprintf("through %s you are to %s the user that you are to the hub: that user needs the rights there, and clusters/proxy on the hub", f.Inventory, f.Cluster)
		}
		return fmt.Sprintf("the rights in %s are those of the credentials by which %s leads there: %s", f.Cluster, f.Inventory, look)
	case member.ReasonMisconfigured:
		return fmt.Sprintf("%s; -C '^%s' leaves this cluster out", look, f.Cluster)
	case member.ReasonWrongCluster:
		return fmt.Sprintf("%s has another UID for %s than the cluster that answers: %s", f.Inventory, f.Cluster, look)
	default:
		return ""
	}
}
