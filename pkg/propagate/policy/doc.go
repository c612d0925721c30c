// Package policy knows what propagation and override policies mean: which
// clusters an object goes to, in which parts, and what is different there. It
// takes them as Karmada 1.18 does, asks no cluster for anything, and answers the
// same for objects that are applied directly and for those on a hub.
package policy
