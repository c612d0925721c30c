// Package v1alpha1 holds the versioned kinds that the plugins read and write:
// the user's fleet file and the machine-readable results of commands. None of
// them is a CRD; they live in files and on stdout only.
//
// A field is never renamed or given another meaning within a version; golden
// tests keep the encoded form.
package v1alpha1

// Group is the API group of every kind of ours.
const Group = "kubectl-fleet.io"

// APIVersion is what the apiVersion field of every kind in this package says.
const APIVersion = Group + "/v1alpha1"

// ClusterAnnotation names, on an object of a merged List, the cluster that it
// was read from, by its member name.
const ClusterAnnotation = Group + "/cluster"
