package member

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// FieldManager owns the fields that we apply.
const FieldManager = "kubectl-fleet"

// WriteOptions are how something is written.
type WriteOptions struct {
	// DryRun has the server check everything and keep nothing.
	DryRun bool
	// Force takes fields over from other managers, where Apply would otherwise
	// be a conflict.
	Force bool
	// Version has Delete delete only what is still of this resourceVersion.
	Version string
	// Body is the JSON of the object that Apply sends, for who has it; nil: it is made.
	Body []byte

	accept string // "": the whole object
}

// Object reads one object. One that does not exist is an error that
// IsObjectNotFound knows.
func (m *Member) Object(ctx context.Context, r Resource, namespace, name string) (*unstructured.Unstructured, error) {
	path := ListRequest{Resource: r, Namespace: namespace, Name: name}.path()
	data, err := m.get(ctx, path, acceptJSON)
	if err != nil {
		return nil, err
	}
	return asObject(path, data)
}

// Apply makes an object what is given, by server-side apply (KEP-555), in one
// attempt, and returns what it is then.
func (m *Member) Apply(ctx context.Context, r Resource, object *unstructured.Unstructured, o WriteOptions) (*unstructured.Unstructured, error) {
	path, data, err := m.apply(ctx, r, object, o)
	if err != nil {
		return nil, err
	}
	return asObject(path, data)
}

// ApplyUnseen is Apply for who need not see what the object is then: only the metadata
// is sent back, which spares both sides work.
func (m *Member) ApplyUnseen(ctx context.Context, r Resource, object *unstructured.Unstructured, o WriteOptions) error {
	o.accept = acceptMetadata
	path, data, err := m.apply(ctx, r, object, o)
	if err != nil {
		return err
	}
	var answer struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := decode(path, data, &answer); err != nil {
		return err
	}
	if answer.Metadata.Name != object.GetName() {
		return &Error{Reason: ReasonInvalidAnswer, Err: &AnswerError{Path: path, Err: fmt.Errorf("it is about %q", answer.Metadata.Name)}}
	}
	return nil
}

func (m *Member) apply(ctx context.Context, r Resource, object *unstructured.Unstructured, o WriteOptions) (path string, data []byte, err error) {
	body := o.Body
	if body == nil {
		if body, err = object.MarshalJSON(); err != nil {
			return "", nil, m.classify(err)
		}
	}
	path = ListRequest{Resource: r, Namespace: object.GetNamespace(), Name: object.GetName()}.path()
	req := m.rest.Patch(types.ApplyYAMLPatchType).AbsPath(path).Param("fieldManager", FieldManager).Body(body)
	if o.Force {
		req.Param("force", "true")
	}
	data, err = m.write(ctx, req, o)
	return path, data, err
}

// Create makes an object that is not there yet. One that is there is an
// IsAlreadyExists error.
func (m *Member) Create(ctx context.Context, r Resource, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return m.send(ctx, m.rest.Post(), ListRequest{Resource: r, Namespace: object.GetNamespace()}, object)
}

// Update replaces an object, if it is still of the resourceVersion given. One
// that has changed is an IsConflict error.
func (m *Member) Update(ctx context.Context, r Resource, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return m.send(ctx, m.rest.Put(), ListRequest{Resource: r, Namespace: object.GetNamespace(), Name: object.GetName()}, object)
}

// send sends a whole object.
func (m *Member) send(ctx context.Context, req *rest.Request, at ListRequest, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	body, err := object.MarshalJSON()
	if err != nil {
		return nil, m.classify(err)
	}
	path := at.path()
	data, err := m.write(ctx, req.AbsPath(path).Param("fieldManager", FieldManager).SetHeader("Content-Type", "application/json").Body(body), WriteOptions{})
	if err != nil {
		return nil, err
	}
	return asObject(path, data)
}

// Delete deletes an object, if it is still the one of that UID. What it owns
// goes after it.
func (m *Member) Delete(ctx context.Context, r Resource, namespace, name string, uid types.UID, o WriteOptions) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{
		TypeMeta:          metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"},
		Preconditions:     &metav1.Preconditions{UID: &uid},
		PropagationPolicy: &background,
	}
	if o.Version != "" {
		options.Preconditions.ResourceVersion = &o.Version
	}
	if o.DryRun { // beside a body, the API server does not read the query
		options.DryRun = []string{metav1.DryRunAll}
		o.DryRun = false
	}
	body, err := json.Marshal(options)
	if err != nil {
		return m.classify(err)
	}
	path := ListRequest{Resource: r, Namespace: namespace, Name: name}.path()
	_, err = m.write(ctx, m.rest.Delete().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body), o)
	return err
}

// MergePatch changes an object by a JSON merge patch (RFC 7386), if it is still
// of that UID.
func (m *Member) MergePatch(ctx context.Context, r Resource, namespace, name string, uid types.UID, patch map[string]any) error {
	return m.mergePatch(ctx, ListRequest{Resource: r, Namespace: namespace, Name: name}.path(), uid, patch)
}

// MergePatchStatus is MergePatch for the status of an object.
func (m *Member) MergePatchStatus(ctx context.Context, r Resource, namespace, name string, uid types.UID, status map[string]any) error {
	path := ListRequest{Resource: r, Namespace: namespace, Name: name}.path() + "/status"
	return m.mergePatch(ctx, path, uid, map[string]any{"status": status})
}

func (m *Member) mergePatch(ctx context.Context, path string, uid types.UID, patch map[string]any) error {
	object := unstructured.Unstructured{Object: patch}
	object.SetUID(uid) // a precondition: it cannot be changed
	body, err := json.Marshal(object.Object)
	if err != nil {
		return m.classify(err)
	}
	_, err = m.write(ctx, m.rest.Patch(types.MergePatchType).AbsPath(path).Body(body), WriteOptions{})
	return err
}

// May asks whether the user may do something (SelfSubjectAccessReview). why is
// the server's own reason, which may be empty.
func (m *Member) May(ctx context.Context, access authorizationv1.ResourceAttributes) (allowed bool, why string, err error) {
	const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	review := &authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &access},
	}
	body, err := json.Marshal(review)
	if err != nil {
		return false, "", m.classify(err)
	}
	data, err := m.write(ctx, m.rest.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body), WriteOptions{})
	if err != nil {
		return false, "", err
	}
	if err := decode(path, data, review); err != nil {
		return false, "", err
	}
	return review.Status.Allowed, review.Status.Reason, nil
}

// write sends a request that changes something, in one attempt.
func (m *Member) write(ctx context.Context, req *rest.Request, o WriteOptions) ([]byte, error) {
	req.MaxRetries(0).SetHeader("Accept", cmp.Or(o.accept, acceptJSON))
	if o.DryRun {
		req.Param("dryRun", metav1.DryRunAll)
	}
	return m.receive(ctx, req)
}

func asObject(path string, data []byte) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(data); err != nil {
		return nil, &Error{Reason: ReasonInvalidAnswer, Err: &AnswerError{Path: path, Err: err}}
	}
	return object, nil
}
