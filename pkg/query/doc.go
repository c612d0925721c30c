// Package query asks a fleet for what it has: the resources of all clusters as
// one table or one list, and the roster of the clusters themselves. It reads
// only, returns data, and prints nothing.
package query
