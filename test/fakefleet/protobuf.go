package fakefleet

import (
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// writeProtobuf encodes a page of a built-in type.
func writeProtobuf(w http.ResponseWriter, k *kind, p page) {
	list := whole(k, p)
	gvk := list.GetObjectKind().GroupVersionKind()
	typed, err := scheme.Scheme.New(gvk)
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(list.UnstructuredContent(), typed)
	}
	if err != nil {
		writeStatus(w, http.StatusNotAcceptable, location{}, err.Error())
		return
	}
	typed.GetObjectKind().SetGroupVersionKind(gvk)
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	_ = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(typed, w)
}
