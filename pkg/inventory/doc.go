// Package inventory says which clusters are in the fleet and how each is
// reached. A Provider lists them (one sub-package each), a Selector narrows the
// list to what the user asked for, and Distinct drops second names of one
// cluster. Nothing here talks to a member: listing is offline, or one request
// to a hub.
//
// What does not belong here: clients (package member), probing (package query),
// and writing membership (package membership).
package inventory
