package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Parse reads the objects of one file. Lists are taken apart; empty documents
// are passed over.
func Parse(source string, data []byte) ([]Object, error) {
	documents, err := split(data)
	if wrong, is := errors.AsType[*jsonError](err); is {
		return nil, &Error{Origin{source, wrong.line}, wrong.err}
	}
	var objects []Object
	for _, d := range documents {
		parsed, err := d.parse(source)
		if err != nil {
			return nil, err
		}
		objects = append(objects, parsed...)
	}
	return objects, nil
}

// document is one of a file.
type document struct {
	text []byte
	// line is its first in the file, from 1.
	line int
}

// split takes a file apart: a YAML file where a line begins with ---, as
// apimachinery's reader does, and JSON after each value.
func split(data []byte) ([]document, error) {
	if isJSON(data) {
		return splitJSON(data)
	}
	var documents []document
	current := document{line: 1}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if isSeparator(text) {
			documents = append(documents, current)
			current = document{line: line + 1}
			continue
		}
		current.text = append(current.text, text...)
	}
	return append(documents, current), nil
}

// isJSON tells JSON from YAML that begins with a brace: JSON's names are quoted.
func isJSON(data []byte) bool {
	const space = " \t\r\n"
	inside, braced := bytes.CutPrefix(bytes.TrimLeft(data, space), []byte("{"))
	inside = bytes.TrimLeft(inside, space)
	return braced && (len(inside) == 0 || inside[0] == '"' || inside[0] == '}')
}

func isSeparator(line []byte) bool {
	rest, is := bytes.CutPrefix(line, []byte("---"))
	return is && (len(bytes.TrimSpace(rest)) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

func splitJSON(data []byte) ([]document, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	var documents []document
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			at := len(data)
			if syntax, is := errors.AsType[*json.SyntaxError](err); is {
				at = int(syntax.Offset)
			}
			return nil, &jsonError{line: 1 + bytes.Count(data[:at], []byte("\n")), err: err}
		}
		begin := int(decoder.InputOffset()) - len(value)
		documents = append(documents, document{text: value, line: 1 + bytes.Count(data[:begin], []byte("\n"))})
	}
}

// jsonError is what is wrong in a line of a JSON file.
type jsonError struct {
	line int
	err  error
}

func (e *jsonError) Error() string { return e.err.Error() }

func (d document) parse(source string) ([]Object, error) {
	d = d.trimmed()
	origin := Origin{source, d.line}
	converted, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return nil, d.syntaxError(source, err)
	}
	if text := bytes.TrimSpace(converted); bytes.Equal(text, []byte("null")) {
		return nil, nil
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(converted, &u.Object); err != nil {
		return nil, &Error{origin, errors.New("not an object: an object begins with apiVersion and kind")}
	}
	// Numbers as client-go has them: whole ones are int64.
	if err := u.UnmarshalJSON(converted); err != nil {
		return nil, &Error{origin, incomplete(u, err)}
	}
	objects := []Object{{Unstructured: u, Origin: origin, Document: d.text}}
	if u.IsList() {
		objects = nil
		err := u.EachListItem(func(item runtime.Object) error {
			one, is := item.(*unstructured.Unstructured)
			if !is {
				return fmt.Errorf("an item of the list is a %T", item)
			}
			objects = append(objects, Object{Unstructured: one, Origin: origin, Document: d.text, Within: Path{"items", len(objects)}})
			return nil
		})
		if err != nil {
			return nil, &Error{origin, err}
		}
	}
	for _, o := range objects {
		if err := o.checkMetadata(); err != nil {
			return nil, err // with the line of the field
		}
		if err := o.validate(); err != nil {
			return nil, &Error{origin, err}
		}
	}
	return objects, nil
}

// incomplete says what is missing, where the library says only that it cannot
// decode.
func incomplete(u *unstructured.Unstructured, err error) error {
	switch {
	case u.GetKind() == "":
		return errors.New("kind is missing")
	case u.GetAPIVersion() == "":
		return fmt.Errorf("apiVersion of the %s is missing", u.GetKind())
	}
	return err
}

func (o Object) validate() error {
	switch {
	case o.GetKind() == "" || o.GetAPIVersion() == "":
		return incomplete(o.Unstructured, nil)
	case o.GetName() == "" && o.GetGenerateName() != "":
		return fmt.Errorf("the %s has generateName %q: what has no name cannot be found again; give it metadata.name", o.GetKind(), o.GetGenerateName())
	case o.GetName() == "":
		return fmt.Errorf("metadata.name of the %s is missing", o.GetKind())
	}
	return nil
}

// syntaxError is an error of the YAML library, which counts lines from the
// document's first, with the line of the file.
func (d document) syntaxError(source string, err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: ")
	line := d.line
	if found := regexp.MustCompile(`^(?:unmarshal errors:\s+)?line (\d+): `).FindStringSubmatch(text); found != nil {
		n, _ := strconv.Atoi(found[1])
		line += n - 1
		text = text[len(found[0]):]
	}
	return &Error{Origin{source, line}, errors.New(strings.TrimSpace(text))}
}

// trimmed is the document without the empty lines and comments before its first
// field.
func (d document) trimmed() document {
	for line := range bytes.Lines(d.text) {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			break
		}
		d.text = d.text[len(line):]
		d.line++
	}
	return d
}
