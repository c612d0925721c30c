// Package fanout runs one function over many clusters. It owns concurrency,
// deadlines, fail-fast and the bookkeeping of who failed, was cut off or never
// started, so that no caller does it by hand.
//
// One cluster's failure never touches another's result, unless the caller asks
// for FailFast. It knows nothing about what the function does: reasons for
// failures are package member's, words are package cli's.
package fanout
