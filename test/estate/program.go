package estate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Program is one that keeps machines, and remembers what it was told.
type Program struct{ Path, told string }

// NewProgram writes one. With strike, such as "before 2" or "after 1", it kills whoever
// runs it at that removal: before it has done it, or before it says so.
func NewProgram(t testing.TB, strike string) Program {
	t.Helper()
	dir := t.TempDir()
	p := Program{Path: filepath.Join(dir, "machines"), told: filepath.Join(dir, "told")}
	text := fmt.Sprintf(`#!/bin/sh
told=%s
strikes() {
	test "$(cat "$told.strike")" = "$1" && : >"$told.strike" && kill -9 $PPID
}
read -r question
node=$(expr "$question" : '.*"node":"\([^"]*\)"')
case $1 in
status) test -e "$told.$node" || exit 75 ;;
remove)
	nth=$(($(grep -c '^remove ' "$told") + 1))
	strikes "before $nth" && exit 1
	touch "$told.$node"
	echo "remove $question" >>"$told"
	strikes "after $nth"
	;;
*) echo "$1 $question" >>"$told" ;;
esac
exit 0
`, p.told)
	for file, content := range map[string]string{p.Path: text, p.told: "", p.told + ".strike": strike} {
		if err := os.WriteFile(file, []byte(content), 0o700); err != nil { //nolint:gosec // one of them is run
			t.Fatal(err)
		}
	}
	return p
}

// Told is what it was told to do, a line each: the verb, and what came on stdin.
func (p Program) Told(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(p.told)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// Times is how often it was told to do something.
func (p Program) Times(t testing.TB, verb string) int {
	t.Helper()
	n := 0
	for _, line := range p.Told(t) {
		if strings.HasPrefix(line, verb+" ") {
			n++
		}
	}
	return n
}
