package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/itchyny/gojq"
)

// jq is for the examples of docs/hooks, on machines that have none: as much of it as
// they need, jq [-r] [-e] [--arg NAME VALUE] FILTER, of what is on stdin.
func jq() {
	code, err := filter(os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "jq:", err)
		code = 5
	}
	os.Exit(code)
}

func filter(args []string, in io.Reader, out io.Writer) (code int, err error) {
	raw, judge, text := false, false, ""
	var names []string
	var values []any
	for ; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "-r":
			raw = true
		case args[0] == "-e":
			judge = true
		case args[0] == "--arg" && len(args) > 2:
			names, values = append(names, "$"+args[1]), append(values, args[2])
			args = args[2:]
		default:
			text = args[0]
		}
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return 0, err
	}
	compiled, err := gojq.Compile(query, gojq.WithVariables(names))
	if err != nil {
		return 0, err
	}
	var document any
	err = json.NewDecoder(in).Decode(&document)
	switch {
	case errors.Is(err, io.EOF): // nothing in, nothing out
		return 0, nil
	case err != nil:
		return 0, err
	}
	for results := compiled.Run(document, values...); ; {
		result, more := results.Next()
		if !more {
			return code, nil
		}
		if problem, failed := result.(error); failed {
			return 0, problem
		}
		if code = 0; judge && (result == nil || result == false) {
			code = 1
		}
		if said, is := result.(string); is && raw {
			_, err = fmt.Fprintln(out, said)
		} else {
			err = json.NewEncoder(out).Encode(result)
		}
		if err != nil {
			return 0, err
		}
	}
}
