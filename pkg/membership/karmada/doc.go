// Package karmada joins clusters to a Karmada control plane in push mode, and
// takes them away again. It makes what karmadactl join makes, under the same
// names, so that Karmada's controllers and karmadactl unjoin take it for theirs;
// by server-side apply, so that doing it again completes what was interrupted
// and changes nothing else; and with less than all rights where less will do.
package karmada
