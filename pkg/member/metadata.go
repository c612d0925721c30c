package member

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// acceptMetadataList: protobuf is a third of the bytes. The last choice serves
// servers that cannot leave the rest of an object away.
const acceptMetadataList = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," +
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

// Metadata yields the pages of a collection of any type, of each object the
// metadata alone, without managed fields. The first error is the last thing
// yielded.
func (m *Member) Metadata(ctx context.Context, r ListRequest) iter.Seq2[[]metav1.PartialObjectMetadata, error] {
	types := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(types); err != nil {
		return func(yield func([]metav1.PartialObjectMetadata, error) bool) {
			yield(nil, &Error{Reason: ReasonInternal, Err: err})
		}
	}
	decoder := serializer.NewCodecFactory(types).UniversalDeserializer()
	return pages(ctx, m, r, acceptMetadataList, nil, func(data []byte) ([]metav1.PartialObjectMetadata, string, error) {
		list := &metav1.PartialObjectMetadataList{}
		var err error
		if bytes.HasPrefix(data, []byte("k8s\x00")) { // the mark of protobuf, in every answer that is
			_, _, err = decoder.Decode(data, nil, list)
		} else {
			err = json.Unmarshal(data, list)
		}
		for i := range list.Items {
			list.Items[i].ManagedFields = nil
		}
		return list.Items, list.Continue, err
	})
}
