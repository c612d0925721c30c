// Package kubeconfig lists the clusters that the user's kubeconfig reaches:
// every context, or the members of one fleet of the fleet file. It only reads;
// nothing ever writes a kubeconfig.
package kubeconfig
