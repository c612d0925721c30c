package release

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// template is how the name of the function stands in a program, stripped or not:
// Go keeps the names of all functions that are linked, each behind a zero.
//
// Reachable template execution can call any exported method by name, so that the
// linker must keep them all: 10 MB for nothing that a user sees.
const template = "\x00text/template.(*Template).execute\x00"

// Gate refuses a program that is heavier than limit, in MiB, if that is not 0, or in
// which Go's linker could not drop what nobody calls.
func Gate(path string, limit int64) error {
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var errs []error
	if over := int64(len(program)) - limit<<20; limit > 0 && over > 0 {
		errs = append(errs, fmt.Errorf("%d bytes more than the %d MiB that plugins.yaml allows; "+
			"go tool nm -size -sort size on an unstripped build shows what is in it", over, limit))
	}
	if bytes.Contains(program, []byte(template)) {
		errs = append(errs, errors.New("it can execute text/template; forbidigo and depguard in .golangci.yml say what brings that in"))
	}
	return errors.Join(errs...)
}
