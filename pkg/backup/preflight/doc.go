// Package preflight looks at a member before anything is done to it: can what the policy
// asks for be done there now, and how long will it be held still? It changes nothing.
//
// What is read of the cluster is in Facts; what follows from it is a pure function of
// that.
package preflight
