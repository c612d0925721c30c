// Package drift compares copies of one object: what of it is each cluster's own
// and says nothing, which copies are the same, and in which fields the others
// differ. It asks nobody and knows no cluster but by name.
package drift
