package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// refuseUnknown makes unknown commands errors where cobra shows some help and
// calls it a success: below a command that only has others below it, and behind
// help.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && !cmd.Runnable() {
			cmd.Args, cmd.DisableFlagsInUseLine = cobra.NoArgs, true
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	help, _, err := root.Find([]string{"help"})
	if err != nil || help == root {
		return // of a command with none below it
	}
	help.Args = func(_ *cobra.Command, words []string) error {
		about, rest, err := root.Find(words)
		if err == nil && about.HasSubCommands() {
			err = cobra.NoArgs(about, rest)
		}
		return err
	}
}

// NoArgs refuses arguments. cobra.NoArgs would call each an unknown command, of a
// command that has none below it.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, and got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// usageHint is where to look after an error of usage. A flag of kubectl's that
// has another name here is named.
func usageHint(cmd *cobra.Command, err error) string {
	help := "'" + cmd.CommandPath() + " --help'"
	if unknown, is := errors.AsType[*pflag.NotExistError](err); is && cmd.Flags().Lookup("cluster-timeout") != nil {
		switch unknown.GetSpecifiedName() {
		case "request-timeout":
			return "--cluster-timeout bounds each request to a cluster; see " + help
		case "cluster":
			return "-C NAME means one cluster, or several; see " + help
		}
	}
	if bare, is := errors.AsType[*pflag.ValueRequiredError](err); is && bare.GetSpecifiedName() == "dry-run" {
		return "--dry-run=client or --dry-run=server shows the plan and changes nothing, --dry-run=none changes; see " + help
	}
	if hint := durationHint(err); hint != "" {
		return hint + "; see " + help
	}
	return "see " + help
}

// durationHint says in hours what was said in days or weeks; empty for another error.
func durationHint(err error) string {
	said := regexp.MustCompile(`unknown unit \\?"([dw])\\?" in duration \\?"(\d+)([dw])\\?"`).FindStringSubmatch(fmt.Sprint(err))
	if len(said) == 0 || said[1] != said[3] {
		return ""
	}
	n, err := strconv.Atoi(said[2])
	if err != nil {
		return ""
	}
	hours := map[string]int{"d": 24, "w": 7 * 24}[said[1]]
	return fmt.Sprintf("hours are the longest unit of a duration: %s is %dh", said[2]+said[1], n*hours)
}
