package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetbackup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
)

const (
	referenceFolder = "docs/reference"
	pageHeader      = "<!-- Code generated from the command by docs/gen. DO NOT EDIT. -->\n\n"
)

// constructors of the root commands, by the plugin's name.
func constructors() map[string]func(*cli.Env) *cobra.Command {
	return map[string]func(*cli.Env) *cobra.Command{
		"fleet":       fleet.NewCmdFleet,
		"fleetbackup": fleetbackup.NewCmdFleetbackup,
		"fleetscale":  fleetscale.NewCmdFleetscale,
	}
}

// addReference adds a page for every command, and their index.
func addReference(t tree, f family.Family) error {
	// Defaults of flags must not tell whose machine wrote the page.
	for name, value := range map[string]string{"HOME": "$HOME", "KUBECACHEDIR": "", "KUBECONFIG": ""} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	index := bytes.NewBufferString(indexHeader)
	var errs []error
	for _, p := range f.Plugins {
		construct := constructors()[p.Name]
		if construct == nil {
			return fmt.Errorf("docs/gen knows no root command for the plugin %q: add it to constructors", p.Name)
		}
		root := newRoot(p, construct)
		if root.Short != p.Short {
			errs = append(errs, fmt.Errorf("%s: Short is %q, and short in %s %q: they must be one", p.Name, root.Short, family.File, p.Short))
		}
		fmt.Fprintf(index, "\n## [%s](%s)\n\n%s\n", root.CommandPath(), page(root), strings.TrimSpace(p.Long))
		if err := addPages(t, index, root); err != nil {
			return err
		}
	}
	t[referenceFolder+"/README.md"] = index.Bytes()
	return errors.Join(errs...)
}

const indexHeader = pageHeader + `# Reference

Every command with its flags, as ` + "`--help`" + ` shows them. All of them also take
` + "`-v LEVEL`" + ` (6 shows each request on stderr, 7 its headers; bodies are never
logged).
`

// newRoot makes a plugin's command as its users see it.
func newRoot(p family.Plugin, construct func(*cli.Env) *cobra.Command) *cobra.Command {
	root := construct(&cli.Env{
		Plugin: p.Binary, In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard,
		Getenv: func(string) string { return "" },
	})
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + p.Name}
	root.DisableAutoGenTag = true // it is a date
	return root
}

// addPages adds the pages of a command and of all below it, and a line for each
// of those to the index.
func addPages(t tree, index io.Writer, cmd *cobra.Command) error {
	content := bytes.NewBufferString(pageHeader)
	if err := doc.GenMarkdown(cmd, content); err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	t[referenceFolder+"/"+page(cmd)] = append(bytes.TrimRight(content.Bytes(), "\n"), '\n')
	first := true
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			continue
		}
		if first && !cmd.HasParent() {
			fmt.Fprintln(index)
		}
		first = false
		fmt.Fprintf(index, "- [%s](%s): %s\n", c.CommandPath(), page(c), c.Short)
		if err := addPages(t, index, c); err != nil {
			return err
		}
	}
	return nil
}

// page is the file that cobra links to.
func page(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
}
