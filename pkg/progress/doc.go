// Package progress shows people that work goes on. It consumes the events of
// package fanout, writes to stderr alone, and to a terminal only.
package progress
