// Package member talks to one cluster of the fleet: one lazy client each, one
// attempt per request, bounded in time, and every failure classified by a
// Reason that people and scripts can act on.
//
// The package prints nothing and knows no second cluster; package fanout does.
package member
