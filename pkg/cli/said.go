package cli

import (
	"regexp"
	"strings"
)

// Said are the flags by which the user chose clusters, as another command takes
// them: each with a space before it.
func (f *ClusterFlags) Said() string {
	var words strings.Builder
	for _, flag := range []struct{ name, as, value string }{
		{"kubeconfig", "--kubeconfig", *f.config.KubeConfig},
		{"inventory", "--inventory", strings.Join(f.inventory, ",")},
		{fleetFlag, "--fleet", f.fleet},
		{"context", "--context", *f.config.Context},
		{"clusters", "-C", strings.Join(f.clusters, ",")},
		{"cluster-selector", "--cluster-selector", f.selector},
	} {
		if f.flags.Changed(flag.name) {
			words.WriteString(" " + flag.as + " " + ShellWord(flag.value))
		}
	}
	return words.String()
}

// SaidKubeconfig is the flag by which the user named a kubeconfig, as kubectl and the
// plugins take it: with a space before it, or empty.
func (f *ClusterFlags) SaidKubeconfig() string {
	if !f.flags.Changed("kubeconfig") {
		return ""
	}
	return " --kubeconfig " + ShellWord(*f.config.KubeConfig)
}

// ShellWord is a text as one word of a shell's command.
func ShellWord(text string) string {
	if regexp.MustCompile(`^[\w@%+=:,./-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
