package printers

import (
	"bytes"
	"encoding/json"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// yamlList streams one List in YAML.
type yamlList struct {
	w     io.Writer
	begun bool
}

const yamlHead = "apiVersion: v1\nitems:"

func (l *yamlList) Print(_ string, object *unstructured.Unstructured) error {
	if !l.begun {
		l.begun = true
		if _, err := io.WriteString(l.w, yamlHead+"\n"); err != nil {
			return err
		}
	}
	text, err := marshalYAML([]any{object.Object})
	if err != nil {
		return err
	}
	_, err = l.w.Write(text)
	return err
}

func (l *yamlList) Close(failures []v1alpha1.Failure) error {
	var end bytes.Buffer
	if !l.begun {
		end.WriteString(yamlHead + " []\n")
	}
	if failures == nil {
		failures = []v1alpha1.Failure{}
	}
	text, err := marshalYAML(map[string]any{"failures": failures})
	if err != nil {
		return err
	}
	end.Write(text)
	end.WriteString("kind: List\nmetadata: {}\n")
	_, err = l.w.Write(end.Bytes())
	return err
}

// marshalYAML is yaml.Marshal for any text. It goes by way of JSON, too, and
// escapes there what a JSON string may hold and YAML may not or would fold.
func marshalYAML(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(escapeJSON(text))
}
