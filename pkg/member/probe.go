package member

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Readiness is what an API server says of itself at /readyz.
type Readiness struct {
	Ready bool
	// Failing are the names of the checks that do not pass.
	Failing []string
}

// Readiness asks the API server whether it is ready, and if not, what fails.
func (m *Member) Readiness(ctx context.Context) (Readiness, error) {
	const path = "/readyz"
	url := m.rest.Get().AbsPath(path).Param("verbose", "true").URL().String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Readiness{}, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	// Not through the REST client: "not ready" is an answer with code 500, and
	// client-go makes of its body an error cut off at two kilobytes.
	resp, err := m.client.Do(req)
	if err != nil {
		return Readiness{}, m.classify(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReadyz))
	if err != nil {
		return Readiness{}, m.classify(err)
	}
	if resp.StatusCode == http.StatusOK {
		return Readiness{Ready: true}, nil
	}
	failing := failingChecks(string(body))
	if resp.StatusCode == http.StatusInternalServerError && len(failing) > 0 {
		return Readiness{Failing: failing}, nil
	}
	return Readiness{}, m.classify(apierrors.NewGenericServerResponse(resp.StatusCode, http.MethodGet, schema.GroupResource{}, path, "", 0, true))
}

// maxReadyz bounds the answer of /readyz?verbose, in bytes; an API server of
// 1.36 has some three kilobytes.
const maxReadyz = 1 << 16

// failingChecks finds the lines "[-]name failed: reason withheld" among the
// "[+]name ok" (apiserver's pkg/server/healthz).
func failingChecks(verbose string) []string {
	var failing []string
	for line := range strings.Lines(verbose) {
		if check, is := strings.CutPrefix(strings.TrimSpace(line), "[-]"); is {
			name, _, _ := strings.Cut(check, " ")
			failing = append(failing, name)
		}
	}
	return failing
}

// Identity is what makes a cluster this cluster: its namespace kube-system.
type Identity struct {
	UID     string
	Created metav1.Time
}

// Identity reads the cluster's identity.
func (m *Member) Identity(ctx context.Context) (Identity, error) {
	path := "/api/v1/namespaces/" + metav1.NamespaceSystem
	data, err := m.get(ctx, path, acceptMetadata)
	if err != nil {
		return Identity{}, err
	}
	object := metav1.PartialObjectMetadata{}
	if err := decode(path, data, &object); err != nil {
		return Identity{}, err
	}
	return Identity{UID: string(object.UID), Created: object.CreationTimestamp}, nil
}

const acceptMetadata = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"

// ServingCertificateExpires is the end of validity of the certificate that the
// server showed in the last answer. known is false before the first answer, and
// without TLS.
func (m *Member) ServingCertificateExpires() (expires time.Time, known bool) {
	state := m.servingCert.Load()
	if state == nil || len(state.PeerCertificates) == 0 {
		return time.Time{}, false
	}
	return state.PeerCertificates[0].NotAfter, true
}

// ClientCertificateExpires is the end of validity of the certificate that we
// log in with. known is false where we log in otherwise.
func (m *Member) ClientCertificateExpires(ctx context.Context) (expires time.Time, known bool, err error) {
	transport, err := m.config.TransportConfig()
	if err != nil {
		return time.Time{}, false, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	var certificate tls.Certificate
	switch {
	case transport.TLS.GetCertHolder != nil:
		certificate, err = m.login.certificate(ctx, transport.TLS.GetCertHolder.GetCert)
	case len(transport.TLS.CertData) > 0:
		certificate, err = tls.X509KeyPair(transport.TLS.CertData, transport.TLS.KeyData)
	case transport.TLS.CertFile != "":
		certificate, err = tls.LoadX509KeyPair(transport.TLS.CertFile, transport.TLS.KeyFile)
	}
	if err != nil {
		return time.Time{}, false, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	if len(certificate.Certificate) == 0 {
		return time.Time{}, false, nil
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return time.Time{}, false, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	return leaf.NotAfter, true, nil
}

// The built-in types that are asked for by us and not by the user. Every Kubernetes API server has
// them, so they need no discovery.
func coreResource(plural, kind string, namespaced bool) Resource {
	return Resource{GroupVersionResource: schema.GroupVersionResource{Version: corev1.SchemeGroupVersion.Version, Resource: plural}, Kind: kind, Namespaced: namespaced}
}

// Pods is the type of pods.
func Pods() Resource { return coreResource("pods", "Pod", true) }

// Nodes is the type of nodes.
func Nodes() Resource { return coreResource("nodes", "Node", false) }

// Events is the type of events, as the core API has them.
func Events() Resource { return coreResource("events", "Event", true) }
