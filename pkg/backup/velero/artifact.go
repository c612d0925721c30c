package velero

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// The bounds of a download: to a connection, to the first byte, and of it all.
const (
	connects  = 5 * time.Second
	begins    = 10 * time.Second
	downloads = 10 * time.Minute
)

// ErrNoArtifact is an artifact that the object store does not have, because it was not
// written yet, or never will be.
var ErrNoArtifact error = &member.Error{Reason: member.ReasonNotFound, Err: errors.New("the object store has none of it")}

// StoreError is an object store that cannot be read from here. Velero itself may well be
// able to.
type StoreError struct {
	// Host is the store's, as Velero names it.
	Host string
	Err  error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("the object store at %s cannot be read from here: %v (config.publicUrl of the BackupStorageLocation is where Velero says that it is)", e.Host, e.Err)
}

func (e *StoreError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*StoreError) Reason() member.Reason { return member.ReasonUnhealthy }

func downloadRequests() member.Resource { return resource("downloadrequests", "DownloadRequest") }

// Artifact opens what the object store has of a Backup or a Restore, unpacked: of
// BackupContents it is the tar. Velero is asked where it is, and it is fetched from
// there. Nothing may depend on that: stores are often out of reach of who asks, which is
// a *StoreError.
func (s Server) Artifact(ctx context.Context, kind velerov1.DownloadTargetKind, name string) (io.ReadCloser, error) {
	at, err := s.whereIs(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	var roots *x509.CertPool // nil: the system's
	if at.Scheme == "https" {
		if roots, err = s.authorities(ctx, kind, name); err != nil {
			return nil, err
		}
	}
	return fetch(ctx, at, roots)
}

// whereIs asks Velero for the address of an artifact. It has a signature in it, and must
// not be shown.
func (s Server) whereIs(ctx context.Context, kind velerov1.DownloadTargetKind, name string) (*url.URL, error) {
	ctx, cancel := s.patiently(ctx, downloadRequests())
	defer cancel()
	request, err := create(ctx, s, downloadRequests(), &velerov1.DownloadRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"},
		Spec:       velerov1.DownloadRequestSpec{Target: velerov1.DownloadTarget{Kind: kind, Name: name}},
	})
	if err != nil {
		return nil, err
	}
	answered, err := await(ctx, s, downloadRequests(), request.Name, func(r *velerov1.DownloadRequest) bool { return r.Status.DownloadURL != "" }, nil)
	s.discard(ctx, downloadRequests(), request)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(answered.Status.DownloadURL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, &member.Error{Reason: member.ReasonInvalidAnswer, Err: errors.New("Velero names no address of the object store that can be read")} //nolint:staticcheck // Velero is a name
	}
	return at, nil
}

// fetch opens what is at an address, and unpacks it.
func fetch(ctx context.Context, at *url.URL, roots *x509.CertPool) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, downloads, fmt.Errorf("it was not done within %s", downloads))
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connects}).DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: connects, ResponseHeaderTimeout: begins,
		DisableCompression: true, DisableKeepAlives: true, // it comes packed, and once
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		cancel()
		return nil, &StoreError{at.Host, withoutAddress(err)}
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		cancel()
		return nil, &StoreError{at.Host, withoutAddress(err)}
	}
	body := &download{body: answer.Body, end: cancel, host: at.Host}
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		_ = body.Close()
		return nil, ErrNoArtifact
	default:
		_ = body.Close()
		return nil, &StoreError{at.Host, fmt.Errorf("it answers %s", answer.Status)}
	}
	if body.plain, err = gzip.NewReader(answer.Body); err != nil {
		_ = body.Close()
		return nil, &StoreError{at.Host, withoutAddress(err)}
	}
	return body, nil
}

// withoutAddress is an error of a request without where it went: the address has a
// signature in it.
func withoutAddress(err error) error {
	if request, is := errors.AsType[*url.Error](err); is {
		return request.Err
	}
	return err
}

// download is an artifact that is on its way.
type download struct {
	body  io.ReadCloser
	plain io.Reader
	end   context.CancelFunc
	host  string
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.plain.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &StoreError{d.host, err}
	}
	return n, err
}

func (d *download) Close() error {
	err := d.body.Close()
	d.end()
	return err
}
