package cluster

// audited is an administrator, too, and the only user whose requests are noted: those of the components and of the tests that want to
// know nothing of it would be millions.
const audited = "audited"

// auditPolicy notes each request when it comes, and again when it has ended (or, of a watch, begun): only who, what and with which result.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Metadata, users: [` + audited + `]}
- {level: None}
`

// AuditedKubeconfig is the way in as an administrator whose requests are in AuditLog.
func (c *Cluster) AuditedKubeconfig() string { return c.kubeconfig(audited) }

// AuditLog is the file with what the audited administrator asked for, an event a line.
func (c *Cluster) AuditLog() string { return c.path("audit.log") }
