// Package set has what a backup run remembers, and what it is worth: a journal in each
// member while it lasts, a manifest in all of them afterwards, and the judgement from
// one to the other.
package set
