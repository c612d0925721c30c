// Package restore brings one set back: a plan, a look at the targets, and wave after
// wave Velero's Restores, until what was restored works. A set is never mixed with
// another, and what a Restore's phase does not say is looked at.
package restore
