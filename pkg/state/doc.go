// Package state keeps in a cluster what a run must remember: records, which are
// Secrets of one namespace, and locks, which are Leases. Nothing of a run is on
// the user's machine alone, so that it can be taken up from any other.
//
// A record is written with the resourceVersion that it was read with: that is the
// fence against a second writer, since a lock is none after a sleep.
package state
