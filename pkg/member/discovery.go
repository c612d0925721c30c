package member

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/disk"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// discoveryTTL is kubectl's: cli-runtime's ConfigFlags keeps discovery for six
// hours, and asks again when a type is not found.
const discoveryTTL = 6 * time.Hour

// Resource is a resource type as one cluster serves it.
type Resource struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
}

// GroupKind is the resource's kind with its group.
func (r Resource) GroupKind() schema.GroupKind {
	return schema.GroupKind{Group: r.Group, Kind: r.Kind}
}

// NotInstalledError is a resource type that the cluster does not serve.
type NotInstalledError struct{ Type string }

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("the server doesn't have a resource type %q", e.Type)
}

// Resource resolves what a user types for a resource type (pods, po, deploy,
// deployments.v1.apps, Deployment) by the rules of kubectl. A type that the
// cluster does not serve is a *NotInstalledError with ReasonNotInstalled.
func (m *Member) Resource(ctx context.Context, typed string) (Resource, error) {
	m.discovering.Lock()
	defer m.discovering.Unlock()
	if m.mapper == nil {
		m.trip = &discoveryTrip{base: m.client.Transport}
		mapper, err := m.newMapper(m.trip)
		if err != nil {
			return Resource{}, &Error{Reason: ReasonMisconfigured, Err: err}
		}
		m.mapper = mapper
	}
	m.trip.ctx, m.trip.failed = ctx, nil
	mapping, err := mappingFor(m.mapper, typed)
	if err != nil && m.trip.failed != nil {
		// The mapper says "no match" when discovery broke off; what it broke
		// off for is the truth.
		return Resource{}, m.classify(m.trip.failed)
	}
	if meta.IsNoMatchError(err) {
		return Resource{}, &Error{Reason: ReasonNotInstalled, Err: &NotInstalledError{Type: typed}}
	}
	if err != nil {
		return Resource{}, m.classify(err)
	}
	return Resource{
		GroupVersionResource: mapping.Resource,
		Kind:                 mapping.GroupVersionKind.Kind,
		Namespaced:           mapping.Scope.Name() == meta.RESTScopeNameNamespace,
	}, nil
}

// mappingFor follows cli-runtime's resource.Builder: a resource argument first,
// fully qualified or not, then a kind.
func mappingFor(mapper meta.RESTMapper, typed string) (*meta.RESTMapping, error) {
	qualified, groupResource := schema.ParseResourceArg(typed)
	kind := schema.GroupVersionKind{}
	if qualified != nil {
		kind, _ = mapper.KindFor(*qualified)
	}
	if kind.Empty() {
		kind, _ = mapper.KindFor(groupResource.WithVersion(""))
	}
	if !kind.Empty() {
		return mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	qualifiedKind, groupKind := schema.ParseKindArg(typed)
	if qualifiedKind == nil {
		bare := groupKind.WithVersion("")
		qualifiedKind = &bare
	}
	return mapper.RESTMapping(qualifiedKind.GroupKind(), qualifiedKind.Version)
}

// newMapper makes the mapper that kubectl would, over kubectl's own on-disk
// cache. A cache that cannot be written is done without.
func (m *Member) newMapper(trip *discoveryTrip) (meta.RESTMapper, error) {
	// The transport already logs in, trusts and times out; the configuration
	// says no more than where to.
	config := &rest.Config{Host: m.config.Host, APIPath: m.config.APIPath, Transport: trip, UserAgent: m.options.UserAgent, QPS: -1}
	client, err := m.discoveryClient(config)
	if err != nil {
		return nil, err
	}
	return restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(client), client, nil), nil
}

func (m *Member) discoveryClient(config *rest.Config) (discovery.CachedDiscoveryInterface, error) {
	if m.options.CacheDir == "" {
		plain, err := discovery.NewDiscoveryClientForConfig(config)
		if err != nil {
			return nil, err
		}
		return memory.NewMemCacheClient(plain), nil
	}
	return disk.NewCachedDiscoveryClientForConfig(config,
		filepath.Join(m.options.CacheDir, "discovery", cacheFolder(m.config.Host)),
		filepath.Join(m.options.CacheDir, "http"),
		discoveryTTL)
}

var notInFolder = regexp.MustCompile(`[^(\w/.)]`)

// cacheFolder is the folder that kubectl keeps a server's discovery in
// (cli-runtime's computeDiscoverCacheDir, which it does not export).
func cacheFolder(host string) string {
	host = strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://")
	return notInFolder.ReplaceAllString(host, "_")
}

// discoveryTrip is the transport of the discovery client, which knows neither
// contexts nor single attempts: it sends every request with the context of the
// call at hand, remembers the first failure, and takes away what client-go
// would take for a reason to try again.
type discoveryTrip struct {
	base   http.RoundTripper
	ctx    context.Context //nolint:containedctx // client-go's discovery takes none
	failed error
}

func (t *discoveryTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.failed != nil {
		return nil, &finalError{t.failed}
	}
	resp, err := t.base.RoundTrip(req.WithContext(t.ctx))
	if err != nil {
		t.failed = err
		return nil, &finalError{err}
	}
	resp.Header.Del("Retry-After")
	return resp, nil
}

// finalError hides what kind of error it carries, so that client-go does not
// take it for a lost connection and retry. Its text matters for that, too.
type finalError struct{ err error }

func (*finalError) Error() string { return "discovery failed" }
