package drift

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// hashDigits is how much of a hash is shown: enough that two values never meet,
// and no more.
const hashDigits = 12

// HashSecret puts hashes in the place of what a Secret holds. Its annotations
// are hashed as well: tools keep the manifest there, data included.
func HashSecret(u *unstructured.Unstructured) {
	if u.GroupVersionKind().GroupKind().String() != "Secret" {
		return
	}
	for _, field := range []string{"data", "stringData"} {
		if values, is := u.Object[field].(map[string]any); is {
			hashValues(values)
		} else {
			delete(u.Object, field)
		}
	}
	annotations := u.GetAnnotations()
	for name, value := range annotations {
		annotations[name] = hash(value)
	}
	u.SetAnnotations(annotations)
}

func hashValues(values map[string]any) {
	for name, value := range values {
		values[name] = hash(text(value))
	}
}

func hash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])[:hashDigits]
}
