package printers

import (
	"fmt"
	"slices"
	"strings"
)

// Format is a value of -o.
type Format struct {
	// Name is one of the constants below; empty is the default table.
	Name string
	// Argument is what follows the "=" of jsonpath and custom-columns.
	Argument string
}

// The formats.
const (
	FormatTable         = ""
	FormatWide          = "wide"
	FormatJSON          = "json"
	FormatYAML          = "yaml"
	FormatJSONLines     = "jsonl"
	FormatName          = "name"
	FormatJSONPath      = "jsonpath"
	FormatCustomColumns = "custom-columns"
)

// Formats lists what every command accepts, for help and completion.
func Formats() []string {
	return []string{FormatWide, FormatJSON, FormatYAML, FormatJSONLines, FormatName, FormatJSONPath + "=", FormatCustomColumns + "="}
}

// ParseFormat reads a value of -o.
func ParseFormat(value string) (Format, error) {
	name, argument, hasArgument := strings.Cut(value, "=")
	needsArgument := name == FormatJSONPath || name == FormatCustomColumns
	switch {
	case strings.HasPrefix(name, "go-template"):
		return Format{}, fmt.Errorf("output format %q is not built in: use -o jsonpath=…, or -o json with jq", name)
	case name != FormatTable && !slices.Contains(Formats(), name) && !slices.Contains(Formats(), name+"="):
		return Format{}, fmt.Errorf("unknown output format %q; there are: %s", value, strings.Join(Formats(), ", "))
	case needsArgument && argument == "":
		return Format{}, fmt.Errorf("output format %q needs an expression: -o %s=…", name, name)
	case !needsArgument && hasArgument:
		return Format{}, fmt.Errorf("output format %q takes no argument", name)
	}
	return Format{Name: name, Argument: argument}, nil
}

// IsTable reports whether the format is a table for people.
func (f Format) IsTable() bool { return f.Name == FormatTable || f.Name == FormatWide }
