package member

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"
)

// RawPage is a page of objects as the server sent them. An object takes some
// ten times the memory once it is decoded, so pages wait like this.
type RawPage struct {
	// Items are the objects, each in JSON.
	Items []json.RawMessage
	// apiVersion and kind of objects that do not say: in a list of a built-in
	// type only the list does.
	apiVersion, kind string
	size             int64
}

// Size is the page's length in bytes.
func (p RawPage) Size() int64 { return p.size }

// Object decodes one object.
func (p RawPage) Object(i int) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(p.Items[i], &object.Object); err != nil {
		return nil, &Error{Reason: ReasonInvalidAnswer, Err: err}
	}
	if object.Object == nil {
		return nil, &Error{Reason: ReasonInvalidAnswer, Err: errors.New("an item of a list is null")}
	}
	if object.GetKind() == "" {
		object.SetKind(p.kind)
		object.SetAPIVersion(p.apiVersion)
	}
	return object, nil
}

// raw parses an answer that holds whole objects, without decoding them.
func (r ListRequest) raw(data []byte) (page RawPage, next string, err error) {
	page.size = int64(len(data))
	if r.Name != "" {
		page.Items = []json.RawMessage{bytes.Clone(data)}
		return page, "", json.Unmarshal(data, new(json.RawMessage))
	}
	var list struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ListMeta   `json:"metadata"`
		Items           []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return page, "", err
	}
	if !strings.HasSuffix(list.Kind, "List") {
		return page, "", errors.New("a " + list.Kind + ", and no list")
	}
	page.Items, page.apiVersion, page.kind = list.Items, list.APIVersion, strings.TrimSuffix(list.Kind, "List")
	return page, list.Metadata.Continue, nil
}
