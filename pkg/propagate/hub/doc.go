// Package hub is the engine with a Karmada control plane. Templates and policies
// are written there and nowhere else; what Karmada makes of them in the clusters
// is waited for.
package hub
