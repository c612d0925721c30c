package member

// Reason says in one word why a cluster failed. It is part of the output
// contract: failures[].reason of every List has one of these values.
type Reason string

// The reasons.
const (
	// ReasonUnreachable: no connection, or it broke before an answer.
	ReasonUnreachable Reason = "Unreachable"
	// ReasonTimeout: connected, and no answer within the cluster timeout.
	ReasonTimeout Reason = "Timeout"
	// ReasonUntrusted: the server's certificate does not verify.
	ReasonUntrusted Reason = "Untrusted"
	// ReasonLoginFailed: the credential plugin failed.
	ReasonLoginFailed Reason = "LoginFailed"
	// ReasonUnauthorized: the server does not accept the credentials (401).
	ReasonUnauthorized Reason = "Unauthorized"
	// ReasonForbidden: the user may not do this (403).
	ReasonForbidden Reason = "Forbidden"
	// ReasonNotFound: the server has no such object or path (404).
	ReasonNotFound Reason = "NotFound"
	// ReasonNotInstalled: the cluster does not serve the resource type.
	ReasonNotInstalled Reason = "NotInstalled"
	// ReasonInvalid: the server rejects the request (400, 405, 406, 422).
	ReasonInvalid Reason = "Invalid"
	// ReasonExpired: the server no longer has the list's snapshot (410).
	ReasonExpired Reason = "Expired"
	// ReasonThrottled: the server asks to come back later (429).
	ReasonThrottled Reason = "Throttled"
	// ReasonServerError: the server failed (5xx).
	ReasonServerError Reason = "ServerError"
	// ReasonInvalidAnswer: what came back is not what a Kubernetes API server
	// says.
	ReasonInvalidAnswer Reason = "InvalidAnswer"
	// ReasonIncomplete: cut off in the middle; the rows before it are kept.
	ReasonIncomplete Reason = "Incomplete"
	// ReasonMisconfigured: the cluster cannot even be addressed.
	ReasonMisconfigured Reason = "Misconfigured"
	// ReasonWrongCluster: another cluster answers than the one that joined the
	// fleet: its UID is not the one in the fleet file.
	ReasonWrongCluster Reason = "WrongCluster"
	// ReasonRefused: a check of ours, or of the server beforehand, said no.
	ReasonRefused Reason = "Refused"
	// ReasonUnhealthy: what was brought there does not work there.
	ReasonUnhealthy Reason = "Unhealthy"
	// ReasonGateFailed: a program of the user's, asked whether to go on, said no.
	ReasonGateFailed Reason = "GateFailed"
	// ReasonCanceled: the user or another cluster's failure ended it.
	ReasonCanceled Reason = "Canceled"
	// ReasonInternal: a defect of this program.
	ReasonInternal Reason = "Internal"
)
