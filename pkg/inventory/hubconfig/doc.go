// Package hubconfig makes something to reach clusters by of what a hub says of
// them: kubeconfigs in Secrets, addresses in objects. Whoever may write those is
// not thereby to run programs on the user's machine or to read its files, so of
// a kubeconfig only what lies in it is taken, unless the user trusts the hub.
package hubconfig
