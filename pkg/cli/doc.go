// Package cli is the chassis that the three plugins share: streams, signals,
// exit codes, flag groups, and how failures, warnings and hints are said. A
// command of package cmd adds its flags, one call into a domain package, and
// one result.
package cli
