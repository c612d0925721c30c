package quiesce

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// holdText is what a target's shell is given.
//
//go:embed hold.sh
var holdText string

// The roles of that text which are asked for.
const (
	roleArm   = "arm"
	roleCheck = "check"
	roleFree  = "free"
)

// The words that it says.
const (
	wordArmed     = "armed"     // the deadman counts; then the hold's folder
	wordFrozen    = "frozen"    // it is still, and its deadman counts
	wordUnfrozen  = "unfrozen"  // it is not still; then which action says so, and its exit code
	wordUnwatched = "unwatched" // the deadman is gone
	wordExists    = "exists"    // it is held, or was, already
	wordNone      = "none"      // there is no such hold
	wordFired     = "fired"     // the deadman has ended it
	wordReleased  = "released"  // somebody has ended it; then that process's token
	wordEnded     = "ended"     // it was ended, and who did cannot be told
	wordThawed    = "thawed"    // the release ended well
	wordUnthawed  = "unthawed"  // it did not; then its exit code
	wordHeld      = "held"      // it was released, and its probe says that it is still
	wordLacks     = "lacks"     // the target lacks something; then what
)

// script is the text for one hold.
type script struct {
	run, token, place string
	roots             [2]string
	ttl, timeout      time.Duration
	freeze, release   []string
	// probe is empty if there is none.
	probe []string
	// rehearses: nothing is frozen, nor released.
	rehearses bool
}

// command has a shell do its part in a role.
func (s script) command(role string) []string {
	return []string{"sh", "-c", `eval "$1"`, "kubectl-fleet", s.text(), role}
}

func (s script) text() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s=%s\n", name, quote(value)) }
	set("run", s.run)
	set("token", s.token)
	set("place", s.place)
	set("root1", s.roots[0])
	set("root2", s.roots[1])
	set("ttl", seconds(s.ttl))
	set("timeout", seconds(s.timeout))
	set("program1", s.freeze[0])
	set("program2", s.release[0])
	act := func(name string, command []string) {
		// As the container's runtime would run it, and not as a word of the shell.
		words := ":"
		if len(command) > 0 {
			words = "exec"
			for _, word := range command {
				words += " " + quote(word)
			}
		}
		fmt.Fprintf(&b, "%s() { %s; }\n", name, words)
	}
	probes := "0"
	if len(s.probe) > 0 {
		probes = "1"
	}
	set("probes", probes)
	act("probe", s.probe)
	if s.rehearses {
		s.freeze, s.release = nil, nil
	}
	act("freeze", s.freeze)
	act("release", s.release)
	b.WriteString(holdText)
	return b.String()
}

// seconds rounds up: what a policy allows is allowed.
func seconds(d time.Duration) string { return fmt.Sprint(int64((d + time.Second - 1) / time.Second)) }

// quote is a word as a shell takes it literally.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// answer is what a target has said.
type answer struct {
	// run is whose words count.
	run    string
	words  bounded
	noises bounded
}

// word finds a word of the run, with what follows it. It is a whole line: a program of the target may say anything.
func (a *answer) word(word string) (rest string, said bool) {
	for line := range strings.Lines(a.words.String()) {
		line, whole := strings.CutSuffix(line, "\n")
		first, rest, _ := strings.Cut(line, " ")
		run, rest, _ := strings.Cut(rest, " ")
		if whole && first == word && run == a.run {
			return rest, true
		}
	}
	return "", false
}

func (a *answer) has(word string) bool {
	_, said := a.word(word)
	return said
}

// noise is what the actions have said, in one line.
func (a *answer) noise() string { return strings.Join(strings.Fields(a.noises.String()), " ") }

// with adds what the actions have said to a sentence.
func (a *answer) with(sentence string) string {
	if noise := a.noise(); noise != "" {
		return sentence + ": " + noise
	}
	return sentence
}

// bounded keeps the first of what is written to it, and takes all.
type bounded struct {
	mu   sync.Mutex // what was not heard to its end is still written to
	kept []byte
}

// bound is more than all words, and what the actions may say of why they failed.
const bound = 8 << 10

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, p[:min(len(p), bound-len(b.kept))]...)
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.kept)
}

// ended is why a hold is over, if the answer says that it is.
func (a *answer) ended() (why string, is bool) {
	switch {
	case a.has(wordFired):
		return "its deadman has ended it", true
	case a.has(wordReleased):
		return "another process has released it", true
	case a.has(wordEnded):
		return "it was ended, and not by whom can be told", true
	case a.has(wordNone):
		return "the container has no such hold: it has restarted, or was never armed", true
	}
	return "", false
}

// unfrozen is why something is not still, or cannot be.
func (a *answer) unfrozen() (why string, is bool) {
	if rest, is := a.word(wordUnfrozen); is {
		which, code, _ := strings.Cut(rest, " ")
		switch {
		case which == "freeze" && code == "":
			return "the freeze has not ended", true
		case which == "freeze":
			return a.with("the freeze ended with exit code " + code), true
		}
		return a.with("the probe ended with exit code " + code), true
	}
	if rest, is := a.word(wordLacks); is {
		return "the container lacks " + rest, true
	}
	if a.has(wordUnwatched) {
		return "its deadman is gone", true
	}
	if at, is := a.word(wordExists); is {
		return "it is held already, or was, by this run: " + at, true
	}
	return "", false
}

// place is the part of a folder's name that all holds of an action in a container have in common.
func place(h v1alpha1.Hold) string {
	return fmt.Sprintf("kubectl-fleet.%s.%s.%d.%d", h.UID, h.Container, h.Wave, h.Action)
}
