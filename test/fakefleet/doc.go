// Package fakefleet runs fake Kubernetes API servers on loopback, for tests of
// commands against a whole fleet. A server answers what a read needs, in the
// form in which a real one does: discovery, /version, /readyz, collections and
// objects as JSON and as server-side Tables, pages, selectors, Status errors.
//
// What is written to it by POST, PUT, PATCH and DELETE it keeps in memory, with
// preconditions and dry runs; nothing but the token controller acts on that, and
// as much of Velero as answers questions and deletes.
//
// A server fails on demand, in the ways real ones do: see Fault. It keeps a log
// of the requests it got, so that a test can count them.
//
// Fakes prove what we do with an answer. That an answer is what Kubernetes
// gives is proved against the real thing, in test/testbed.
package fakefleet
