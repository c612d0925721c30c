package member

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
// cluster does not serve is a *NotInstalledError with ReasonNotInstalled; one
// that it may serve, but in a group that is not available now, is a
// ReasonServerError.
func (m *Member) Resource(ctx context.Context, typed string) (Resource, error) {
	m.discovering.Lock()
	defer m.discovering.Unlock()
	index, err := m.types(ctx)
	if err != nil {
		return Resource{}, err
	}
	r, err := index.resolve(typed)
	return r, m.classify(err)
}

// ResourceOf resolves a kind as manifests name it. fresh is for a kind that may
// have been made a moment ago: what was learned before is not trusted.
func (m *Member) ResourceOf(ctx context.Context, kind schema.GroupVersionKind, fresh bool) (Resource, error) {
	m.discovering.Lock()
	defer m.discovering.Unlock()
	if fresh && m.discovery != nil {
		m.discovery.mapper.Reset()
	}
	index, err := m.types(ctx)
	if err != nil {
		return Resource{}, err
	}
	if found, is := index.exact(kind); is {
		return found, nil
	}
	typed := kind.Kind + "." + kind.Version + "." + kind.Group
	r, err := index.resolve(typed)
	if err = m.classify(err); err == nil && (r.Kind != kind.Kind || r.Version != kind.Version || r.Group != kind.Group) {
		err = &Error{Reason: ReasonNotInstalled, Err: &NotInstalledError{Type: typed}}
	}
	return r, err
}

// types returns the index, whose requests from now on end with ctx. The caller
// holds m.discovering.
func (m *Member) types(ctx context.Context) (*typeIndex, error) {
	if m.discovery == nil {
		index, err := m.newTypeIndex()
		if err != nil {
			return nil, &Error{Reason: ReasonMisconfigured, Err: err}
		}
		m.discovery = index
	}
	m.discovery.trip.begin(ctx)
	return m.discovery, nil
}

// ResourceNow resolves like Resource, without trusting what was learned before:
// for a type that turned out not to be where discovery said.
func (m *Member) ResourceNow(ctx context.Context, typed string) (Resource, error) {
	m.discovering.Lock()
	if m.discovery != nil {
		m.discovery.mapper.Reset()
	}
	m.discovering.Unlock()
	return m.Resource(ctx, typed)
}

// typeIndex knows the resource types of one cluster.
type typeIndex struct {
	trip   *discoveryTrip
	client discovery.CachedDiscoveryInterface
	mapper meta.ResettableRESTMapper
}

func (x *typeIndex) resolve(typed string) (Resource, error) {
	if found, is := x.core(typed); is {
		return found, nil
	}
	if failed := x.trip.failure(); failed != nil {
		return Resource{}, failed
	}
	mapping, err := mappingFor(x.mapper, typed)
	if failed := x.trip.failure(); failed != nil {
		// Whatever the mapper made of a discovery that broke off: what it broke
		// off for is the truth.
		return Resource{}, failed
	}
	if meta.IsNoMatchError(err) {
		if unavailable := x.unavailable(typed); unavailable != nil {
			return Resource{}, unavailable
		}
		return Resource{}, &Error{Reason: ReasonNotInstalled, Err: &NotInstalledError{Type: typed}}
	}
	if err != nil {
		return Resource{}, err
	}
	return Resource{
		GroupVersionResource: mapping.Resource,
		Kind:                 mapping.GroupVersionKind.Kind,
		Namespaced:           mapping.Scope.Name() == meta.RESTScopeNameNamespace,
	}, nil
}

// exact finds a kind by the discovery of its own group and version: the files of
// dozens of others need not be read.
func (x *typeIndex) exact(kind schema.GroupVersionKind) (Resource, bool) {
	r, is := x.among(kind.GroupVersion(), func(r *metav1.APIResource) bool { return r.Kind == kind.Kind && !strings.Contains(r.Name, "/") })
	return r, is && x.trip.failure() == nil
}

// among finds the one type of a group and version that is wanted. It is not there
// where several are, of which the mapper chooses.
func (x *typeIndex) among(version schema.GroupVersion, wanted func(*metav1.APIResource) bool) (Resource, bool) {
	list, err := x.client.ServerResourcesForGroupVersion(version.String())
	if err != nil {
		return Resource{}, false
	}
	var found *metav1.APIResource
	for i := range list.APIResources {
		if r := &list.APIResources[i]; wanted(r) {
			if found != nil {
				return Resource{}, false
			}
			found = r
		}
	}
	if found == nil {
		return Resource{}, false
	}
	return Resource{GroupVersionResource: version.WithResource(found.Name), Kind: found.Kind, Namespaced: found.Namespaced}, true
}

// unavailable is an error if a group that may have the type cannot be asked:
// an aggregated API server that is down. The mapper leaves such groups out.
func (x *typeIndex) unavailable(typed string) error {
	_, _, err := x.client.ServerGroupsAndResources()
	if failed := x.trip.failure(); failed != nil {
		return failed
	}
	groups, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	if !partial {
		return err
	}
	_, group, qualified := strings.Cut(typed, ".")
	var down []string
	for gv := range groups {
		if !qualified || group == gv.Group || strings.HasSuffix(group, "."+gv.Group) {
			down = append(down, gv.String())
		}
	}
	if len(down) == 0 {
		return nil
	}
	slices.Sort(down)
	return &Error{Reason: ReasonServerError, Err: fmt.Errorf("cannot tell whether there is a resource type %q: the API %s is not available", typed, strings.Join(down, ", "))}
}

// mappingFor follows cli-runtime's resource.Builder: a resource argument first,
// fully qualified or not, then a kind.
func mappingFor(mapper meta.RESTMapper, typed string) (*meta.RESTMapping, error) {
	qualified, groupResource := schema.ParseResourceArg(typed)
	kind, err := schema.GroupVersionKind{}, error(nil)
	if qualified != nil {
		kind, err = mapper.KindFor(*qualified)
	}
	if kind.Empty() && (err == nil || meta.IsNoMatchError(err)) {
		kind, err = mapper.KindFor(groupResource.WithVersion(""))
	}
	if err != nil && !meta.IsNoMatchError(err) {
		return nil, err
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

// newTypeIndex makes the mapper that kubectl would, over kubectl's own on-disk
// cache. A cache that cannot be written is done without.
func (m *Member) newTypeIndex() (*typeIndex, error) {
	trip := &discoveryTrip{base: m.client.Transport}
	// The transport already logs in, trusts and times out; the configuration
	// says no more than where to.
	config := &rest.Config{Host: m.host(), Transport: trip, UserAgent: m.options.UserAgent, QPS: -1}
	// Discovery would set 32 s for want of a bound; ours is the one that holds.
	config.Timeout = m.options.LoginTimeout + 2*m.options.Timeout
	client, err := m.discoveryClient(config)
	if err != nil {
		return nil, err
	}
	mapper, resettable := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(client), client, nil).(meta.ResettableRESTMapper)
	if !resettable {
		return nil, errors.New("the REST mapper cannot be reset")
	}
	return &typeIndex{trip: trip, client: client, mapper: mapper}, nil
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
		filepath.Join(m.options.CacheDir, "discovery", m.cacheFolder()),
		filepath.Join(m.options.CacheDir, "http"),
		discoveryTTL)
}

var notInFolder = regexp.MustCompile(`[^(\w/.)]`)

// cacheFolder is the folder that kubectl keeps a server's discovery in
// (cli-runtime's computeDiscoverCacheDir, which it does not export). Where the
// address alone does not say which cluster it is, kubectl's folder may be
// another cluster's; we keep our own.
func (m *Member) cacheFolder() string {
	host := strings.TrimPrefix(strings.TrimPrefix(m.config.Host, "https://"), "http://")
	folder := notInFolder.ReplaceAllString(host, "_")
	if m.cluster.Ambiguous != "" || m.config.Proxy != nil || m.config.ServerName != "" {
		folder += "_" + m.cluster.Name
	}
	return folder
}
