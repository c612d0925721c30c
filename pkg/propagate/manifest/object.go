// Package manifest reads the objects that are to be propagated, and remembers
// where each was written.
package manifest

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Object is one object of the input. Lists are taken apart.
type Object struct {
	*unstructured.Unstructured
	Origin Origin
	// Document is the text that the object was written in, which begins at Origin;
	// nil where there is none, as of a live object.
	Document []byte
	// Within is where the object is in its document: nothing, or items and an
	// index for an item of a list.
	Within Path
	// Literal: nothing in its texts is a variable, since nobody wrote them as such.
	Literal bool
}

// Origin is where an object was written.
type Origin struct {
	// Source is a file's path, an URL, "stdin", or the cluster that it was read
	// from.
	Source string
	// Line is the first line of its document, from 1; 0 where there are none.
	Line int
}

// String is SOURCE:LINE, as compilers and editors have it.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.Source
	}
	return fmt.Sprintf("%s:%d", o.Source, o.Line)
}

// Error is what is wrong with an object of the input.
type Error struct {
	Origin Origin
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Origin, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// What names an object in messages: Kind NAMESPACE/NAME.
func (o Object) What() string {
	if ns := o.GetNamespace(); ns != "" {
		return fmt.Sprintf("%s %s/%s", o.GetKind(), ns, o.GetName())
	}
	return fmt.Sprintf("%s %s", o.GetKind(), o.GetName())
}
