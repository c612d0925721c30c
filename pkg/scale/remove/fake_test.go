package remove

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// fake is an API server with Machines whose controllers are the test.
type fake struct {
	mu      sync.Mutex
	objects map[string]map[string]any // by path
	version int
	// scaled is called for each PUT of a scale before it counts. It may answer
	// instead: with a code that is not 0, or by hanging up, after what it has done.
	scaled func(f *fake, deployment map[string]any) (code int, hangUp bool)
	scales int
	// patched is called after each patch.
	patched func(f *fake)
}

const space = "/apis/cluster.x-k8s.io/v1beta2/namespaces/capi/"

func newFake(t *testing.T) (*fake, *member.Member) {
	t.Helper()
	f := &fake{objects: map[string]map[string]any{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	m, err := member.NewPool(member.Options{}).Member(t.Context(), inventory.Cluster{Name: "fake", Server: server.URL, Access: access{&rest.Config{Host: server.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	f.put(space+"clusters/c1", map[string]any{"kind": "Cluster"})
	f.put(space+"machinedeployments/md", map[string]any{
		"kind": "MachineDeployment", "spec": map[string]any{"clusterName": "c1", "replicas": int64(3)}, "status": map[string]any{"replicas": int64(3)},
	})
	f.put(space+"machinesets/ms", owned(map[string]any{"kind": "MachineSet", "spec": map[string]any{"replicas": int64(3)}}, "MachineDeployment", "md"))
	for _, name := range []string{"a", "b", "c"} {
		f.put(space+"machines/"+name, owned(map[string]any{
			"kind": "Machine", "spec": map[string]any{"providerID": "kwok://" + name}, "status": map[string]any{"nodeRef": map[string]any{"name": "n-" + name}},
		}, "MachineSet", "ms"))
		f.put("/api/v1/nodes/n-"+name, map[string]any{"kind": "Node", "apiVersion": "v1", "spec": map[string]any{"providerID": "kwok://" + name}, "metadata": map[string]any{
			"annotations": map[string]any{machineOf: name, clusterOf: "c1", namespaceOf: "capi"},
		}})
	}
	return f, m
}

type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) { return a.config, nil }

func owned(object map[string]any, kind, name string) map[string]any {
	object["metadata"] = map[string]any{"ownerReferences": []any{
		map[string]any{"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": kind, "name": name, "uid": "uid-" + name},
	}}
	return object
}

// put has an object as it is given, named by its path.
func (f *fake) put(path string, object map[string]any) {
	name := path[strings.LastIndex(path, "/")+1:]
	o := unstructured.Unstructured{Object: object}
	o.SetName(name)
	o.SetUID(types.UID("uid-" + name))
	if strings.HasPrefix(path, space) {
		o.SetAPIVersion("cluster.x-k8s.io/v1beta2")
		o.SetNamespace("capi")
	}
	f.objects[path] = o.Object
	f.touch(path)
}

func (f *fake) touch(path string) {
	f.version++
	o := unstructured.Unstructured{Object: f.objects[path]}
	o.SetResourceVersion(strconv.Itoa(f.version))
}

// goes marks a Machine as one that its controller deletes.
func (f *fake) goes(machine string) {
	f.objects[space+"machines/"+machine]["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-21T12:00:00Z"
}

// replicas gives the MachineDeployment, and its controller has followed, another count.
func (f *fake) replicas(n int64) {
	f.objects[space+"machinedeployments/md"]["spec"].(map[string]any)["replicas"] = n
	f.touch(space + "machinedeployments/md")
}

// mark annotates a Machine as the one that goes first.
func (f *fake) mark(machine, by string) {
	merge(f.objects[space+"machines/"+machine], map[string]any{"metadata": map[string]any{"annotations": map[string]any{deleteMachine: by}}})
}

func (f *fake) count() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[space+"machinedeployments/md"]["spec"].(map[string]any)["replicas"]
}

func (f *fake) marked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for path, object := range f.objects {
		o := unstructured.Unstructured{Object: object}
		if _, is := o.GetAnnotations()[deleteMachine]; is {
			names = append(names, path[strings.LastIndex(path, "/")+1:])
		}
	}
	slices.Sort(names)
	return names
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, code := any(nil), http.StatusOK
	scaled := strings.HasSuffix(r.URL.Path, "/scale")
	path := strings.TrimSuffix(r.URL.Path, "/scale")
	object := f.objects[path]
	switch {
	case discovered(r.URL.Path) != nil:
		answer = discovered(r.URL.Path)
	case r.Method == http.MethodGet && object == nil && strings.Count(strings.TrimPrefix(path, space), "/") == 0:
		answer = f.list(path)
	case object == nil:
		code = http.StatusNotFound
	case r.Method == http.MethodGet:
		answer = object
	case r.Method == http.MethodDelete:
		delete(f.objects, path)
		answer = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess}
	case r.Method == http.MethodPatch:
		merge(object, body(r))
		f.touch(path)
		if f.patched != nil {
			f.patched(f)
		}
		answer = object
	case scaled:
		f.scales++
		if f.scaled != nil {
			var hangUp bool
			if code, hangUp = f.scaled(f, object); hangUp {
				panic(http.ErrAbortHandler)
			}
		}
		if asked := (&unstructured.Unstructured{Object: body(r)}); code == 0 && asked.GetResourceVersion() == (&unstructured.Unstructured{Object: object}).GetResourceVersion() {
			code = http.StatusOK
			object["spec"].(map[string]any)["replicas"] = number(asked, "spec", "replicas")
			f.touch(path)
			answer = asked.Object
		} else if code == 0 {
			code = http.StatusConflict
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if code >= http.StatusBadRequest {
		reason := map[int]metav1.StatusReason{http.StatusNotFound: metav1.StatusReasonNotFound, http.StatusConflict: metav1.StatusReasonConflict}[code]
		answer = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: int32(code), Reason: reason, Message: fmt.Sprint(code), Details: &metav1.StatusDetails{Name: "x", Kind: "y"}}
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fake) list(path string) any {
	items := []any{}
	for _, at := range slices.Sorted(maps.Keys(f.objects)) {
		if strings.HasPrefix(at, path+"/") {
			items = append(items, f.objects[at])
		}
	}
	return map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{}, "items": items}
}

func body(r *http.Request) map[string]any {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(text, &o.Object); err != nil {
		return nil
	}
	// As numbers of objects are.
	if n, is := o.Object["spec"].(map[string]any); is {
		if replicas, is := n["replicas"].(float64); is {
			n["replicas"] = int64(replicas)
		}
	}
	return o.Object
}

// merge is a JSON merge patch.
func merge(object, patch map[string]any) {
	for key, value := range patch {
		inner, is := value.(map[string]any)
		switch {
		case value == nil:
			delete(object, key)
		case is:
			if _, has := object[key].(map[string]any); !has {
				object[key] = map[string]any{}
			}
			merge(object[key].(map[string]any), inner)
		default:
			object[key] = value
		}
	}
}

// discovered answers for the types of Cluster API.
func discovered(path string) any {
	version := metav1.GroupVersionForDiscovery{GroupVersion: "cluster.x-k8s.io/v1beta2", Version: "v1beta2"}
	switch path {
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	case "/api/v1":
		return metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "v1"}
	case "/apis":
		return metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{
			{Name: capiGroup, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version},
		}}
	case "/apis/cluster.x-k8s.io/v1beta2":
		list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: version.GroupVersion}
		for _, kind := range []string{kindCluster, kindDeployment, kindSet, kindPool, kindMachine} {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: strings.ToLower(kind) + "s", SingularName: strings.ToLower(kind), Kind: kind, Namespaced: true, Verbs: []string{"get", "list", "patch", "update"},
			})
		}
		return list
	}
	return nil
}
