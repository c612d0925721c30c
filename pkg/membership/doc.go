// Package membership is the domain of who belongs to a fleet: it changes the
// user's fleet file, and nothing else of the user's. The kubeconfig is never
// written.
package membership
