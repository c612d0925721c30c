package printers

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/util/jsonpath"
)

// customColumns prints a row an object, of what a JSONPath a column picks. It
// does what kubectl's printer of the name does; that one is not used, since its
// package renders the help of kubectl get and loads translations when the
// program starts, which took longer than everything else that is done then.
type customColumns struct {
	columns   []customColumn
	noHeaders bool
}

type customColumn struct {
	header string
	path   *jsonpath.JSONPath
}

// fieldPath is what kubectl takes for the path of a column: with or without
// braces around it and a dot before it.
var fieldPath = regexp.MustCompile(`^(?:\{\.?([^{}]+)\}|\.?([^{}]+))$`)

// newCustomColumns parses HEADER:PATH,HEADER:PATH.
func newCustomColumns(spec string, noHeaders bool) (*customColumns, error) {
	c := &customColumns{noHeaders: noHeaders}
	for text := range strings.SplitSeq(spec, ",") {
		header, path, both := strings.Cut(text, ":")
		if !both {
			return nil, fmt.Errorf("%q is no column: write HEADER:PATH, such as NAME:.metadata.name", text)
		}
		column := customColumn{header: header, path: jsonpath.New(header).AllowMissingKeys(true)}
		if path != "" { // an empty path picks nothing
			found := fieldPath.FindStringSubmatch(path)
			if found == nil {
				return nil, fmt.Errorf("column %s: %q is no path: write it as .metadata.name or {.metadata.name}", header, path)
			}
			path = "{." + found[1] + found[2] + "}"
		}
		if err := column.path.Parse(path); err != nil {
			return nil, fmt.Errorf("column %s: %w", header, err)
		}
		c.columns = append(c.columns, column)
	}
	return c, nil
}

// print prints one object, or all of a list; the headers with the first.
func (c *customColumns) print(w io.Writer, of runtime.Unstructured) error {
	table := printers.GetNewTabWriter(w)
	if !c.noHeaders {
		c.noHeaders = true
		headers := make([]string, len(c.columns))
		for i, column := range c.columns {
			headers[i] = column.header
		}
		fmt.Fprintln(table, strings.Join(headers, "\t"))
	}
	row := func(object runtime.Object) error {
		cells := make([]string, len(c.columns))
		for i, column := range c.columns {
			var err error
			if cells[i], err = column.cell(object); err != nil {
				return err
			}
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
		return nil
	}
	var err error
	if of.IsList() {
		err = of.EachListItem(row)
	} else {
		err = row(of)
	}
	return errors.Join(err, table.Flush())
}

func (c customColumn) cell(object runtime.Object) (string, error) {
	content, is := object.(*unstructured.Unstructured)
	if !is {
		return "", fmt.Errorf("cannot pick columns of %T", object)
	}
	found, err := c.path.FindResults(content.Object)
	if err != nil {
		return "", err
	}
	if len(found) == 0 || len(found[0]) == 0 {
		return "<none>", nil
	}
	var values []string
	for _, some := range found {
		for _, value := range some {
			values = append(values, printers.EscapeTerminal(fmt.Sprint(value.Interface())))
		}
	}
	return strings.Join(values, ","), nil
}
