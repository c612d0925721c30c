package render

import (
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
)

// scope is TYPE/NAME of objects. No cluster is asked what types it has, so that
// only the short names of Kubernetes' own types are known.
type scope struct {
	text               string
	kind, group, named string
	anyGroup           bool
}

func parseScope(text string) (*scope, error) {
	kind, name, both := strings.Cut(text, "/")
	if !both || kind == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%q: want TYPE/NAME", text)
	}
	s := &scope{text: text, named: name}
	var hasGroup bool
	s.kind, s.group, hasGroup = strings.Cut(strings.ToLower(kind), ".")
	s.anyGroup = !hasGroup
	for _, glob := range []string{s.kind, s.named} {
		if _, err := path.Match(glob, ""); err != nil {
			return nil, fmt.Errorf("%q: %q is no glob", text, glob)
		}
	}
	return s, nil
}

// has says whether an object is meant.
func (s *scope) has(o *object) bool {
	kind := o.GroupVersionKind()
	if !s.anyGroup && s.group != kind.Group && s.group != kind.Version+"."+kind.Group {
		return false
	}
	if is, err := path.Match(s.named, o.GetName()); err != nil || !is {
		return false
	}
	plural, singular := meta.UnsafeGuessKindToResource(kind)
	for _, name := range []string{singular.Resource, plural.Resource, shortName(plural.Resource)} {
		if is, err := path.Match(s.kind, name); err == nil && is && name != "" {
			return true
		}
	}
	return false
}

// shortName is what kubectl users call a type of Kubernetes.
func shortName(plural string) string {
	switch plural {
	case "configmaps":
		return "cm"
	case "cronjobs":
		return "cj"
	case "customresourcedefinitions":
		return "crd"
	case "daemonsets":
		return "ds"
	case "deployments":
		return "deploy"
	case "horizontalpodautoscalers":
		return "hpa"
	case "ingresses":
		return "ing"
	case "namespaces":
		return "ns"
	case "networkpolicies":
		return "netpol"
	case "persistentvolumeclaims":
		return "pvc"
	case "persistentvolumes":
		return "pv"
	case "poddisruptionbudgets":
		return "pdb"
	case "pods":
		return "po"
	case "priorityclasses":
		return "pc"
	case "replicasets":
		return "rs"
	case "resourcequotas":
		return "quota"
	case "serviceaccounts":
		return "sa"
	case "services":
		return "svc"
	case "statefulsets":
		return "sts"
	case "storageclasses":
		return "sc"
	}
	return ""
}

// missingError is that an override means none of a cluster's objects.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

// find are the objects of one cluster that an override means. Without TYPE/NAME
// it is the one that has the field or, if none has, what the field would be in;
// several are an error.
func (o Override) find(objects []*object) ([]*object, error) {
	if o.scope != nil {
		var found []*object
		for _, candidate := range objects {
			if o.scope.has(candidate) && (o.value != nil || candidate.has(o.path)) {
				found = append(found, candidate)
			}
		}
		if len(found) == 0 && o.value == nil {
			return nil, &missingError{fmt.Sprintf("no %s has the field", o.scope.text)}
		}
		if len(found) == 0 {
			return nil, &missingError{fmt.Sprintf("none of the objects is %s", o.scope.text)}
		}
		return found, nil
	}
	var with, near []*object
	for _, candidate := range objects {
		if candidate.has(o.path) {
			with = append(with, candidate)
		}
		if candidate.has(o.path[:len(o.path)-1]) {
			near = append(near, candidate)
		}
	}
	if len(with) == 0 && o.value != nil {
		with = near
	}
	switch len(with) {
	case 0:
		return nil, &missingError{"none of the objects has the field, nor what it would be in: name the object, CLUSTERS:TYPE/NAME:" + o.pointer}
	case 1:
		return with, nil
	}
	var names []string
	for _, candidate := range with[:min(4, len(with))] {
		names = append(names, strings.ToLower(candidate.GetKind())+"/"+candidate.GetName())
	}
	if more := len(with) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return nil, fmt.Errorf("several objects may be meant, %s: say which, as in CLUSTERS:%s:%s", strings.Join(names, ", "), names[0], o.pointer)
}

func (o *object) has(path []any) bool {
	_, has := look(o.Unstructured.Object, path)
	return has
}
