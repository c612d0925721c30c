package printers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

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
	kept, back := setAside(text)
	text, err = yaml.JSONToYAML(escapeJSON(kept))
	if err != nil || back == nil {
		return text, err
	}
	return []byte(back.Replace(string(text))), nil
}

// setAside puts plain words into the place of JSON's strings that turn the
// direction of text round or have a line break that JSON's other readers do not
// know: a YAML writer takes both for letters. back puts them in again, quoted and
// escaped as in JSON, which YAML reads alike. It is nil if there are none.
func setAside(text []byte) (kept []byte, back *strings.Replacer) {
	turns := func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }
	breaks := []byte(`\u202`) // as JSON's writer has U+2028 and U+2029
	if bytes.IndexFunc(text, turns) < 0 && !bytes.Contains(text, breaks) {
		return text, nil
	}
	word := "set-aside-"
	for bytes.Contains(text, []byte(word)) {
		word += "x-"
	}
	var pairs []string
	literals := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	kept = literals.ReplaceAllFunc(text, func(literal []byte) []byte {
		if bytes.IndexFunc(literal, turns) < 0 && !bytes.Contains(literal, breaks) {
			return literal
		}
		name := fmt.Sprintf("%s%d-end", word, len(pairs))
		pairs = append(pairs, name, string(escapeJSON(literal)))
		return []byte(`"` + name + `"`)
	})
	return kept, strings.NewReplacer(pairs...)
}
