// Package propagate is the domain of bringing an application to many clusters.
// Each of its nouns is a package below it; docs/propagating.md says how they fit
// together.
package propagate
