package member

import "k8s.io/client-go/rest"

// Endpoint is where a member is and how to trust it, without credentials.
type Endpoint struct {
	Server string
	// ProxyURL is the proxy on the way; empty: none.
	ProxyURL string
	// CA is who signs the server's certificate, in PEM; empty: an authority of the
	// system.
	CA []byte
	// Insecure: the certificate is not verified.
	Insecure bool
}

// Endpoint returns what the inventory says of the way to the member. An error is
// a ReasonMisconfigured.
func (m *Member) Endpoint() (Endpoint, error) {
	config := rest.CopyConfig(m.config)
	if err := rest.LoadTLSFiles(config); err != nil {
		return Endpoint{}, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	e := Endpoint{Server: config.Host, CA: config.CAData, Insecure: config.Insecure}
	if config.Proxy != nil {
		proxy, err := config.Proxy(nil)
		if err != nil {
			return Endpoint{}, &Error{Reason: ReasonMisconfigured, Err: err}
		}
		e.ProxyURL = proxy.String()
	}
	return e, nil
}
