// Package direct brings a set to clusters without a hub: it plans by reading and
// by dry runs of each server, applies, prunes, waits, and takes back.
package direct
