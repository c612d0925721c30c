package page

import (
	"regexp"
	"strings"
)

// command is one of a page, and what the page says that it says.
type command struct {
	line int
	text string
	// want is nil for one that has to succeed, whatever it says.
	want []string
}

// commands are those of a page, in their order: of blocks called console, in which a line
// with $ is a command and the others are what it says, and of blocks called sh, each as a
// whole.
func commands(page string) []command {
	var found []command
	block := ""
	for i, line := range strings.Split(page, "\n") {
		kind, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && block == "":
			if block = kind; block == "" {
				block = "text"
			}
			if block == "sh" {
				found = append(found, command{line: i + 2})
			}
		case fence:
			block = ""
		case block == "sh":
			found[len(found)-1].text += line + "\n"
		case block == "console":
			if text, is := strings.CutPrefix(line, "$ "); is {
				found = append(found, command{line: i + 1, text: text, want: []string{}})
			} else {
				found[len(found)-1].want = append(found[len(found)-1].want, line)
			}
		}
	}
	return found
}

// anything in what a page shows is what is different each time: the rest of a line, or a
// part of it; alone, any lines.
const anything = "…"

// says is true if a text is as a page shows it. How wide columns are does not matter.
func says(text string, want []string) bool {
	var pattern, folded strings.Builder
	for _, line := range want {
		if line == anything {
			pattern.WriteString("(.*\n)*?")
			continue
		}
		parts := strings.Split(strings.Join(strings.Fields(line), " "), anything)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, ".*") + "\n")
	}
	for line := range strings.Lines(text) {
		folded.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return regexp.MustCompile("^" + pattern.String() + "$").MatchString(folded.String())
}
