package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// confirm asks with an answer at hand and returns what the person saw.
func confirm(ctx context.Context, clusters int, answer io.Reader) (seen string, err error) {
	var said bytes.Buffer
	m := Mutation{env: &Env{In: answer, ErrOut: &said}}
	err = m.Confirm(ctx, Question{
		Plan: func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "the plan")
			return err
		},
		Do: "Join east\x1b[31m", Clusters: clusters,
	})
	return said.String(), err
}

func TestConfirm(t *testing.T) {
	for _, test := range []struct {
		clusters int
		answer   string
		agreed   bool
	}{
		{1, "y\n", true}, {1, " YES \r\n", true}, {1, "n\n", false}, {1, "\n", false}, {1, "1\n", false}, {1, "yep\n", false}, {1, "", false},
		{3, "3\n", true}, {3, "y\n", false}, {3, "33\n", false}, {3, "03\n", false}, {3, "\n", false},
	} {
		seen, err := confirm(t.Context(), test.clusters, strings.NewReader(test.answer))
		if (err == nil) != test.agreed {
			t.Errorf("%d clusters, answer %q: %v", test.clusters, test.answer, err)
		}
		var refused *Error
		if err != nil && (!errors.As(err, &refused) || refused.Code != ExitRefused) {
			t.Errorf("%d clusters, answer %q: %v, want a refusal", test.clusters, test.answer, err)
		}
		if !strings.HasPrefix(seen, "the plan\nJoin east^[[31m? ") {
			t.Errorf("the person saw %q", seen)
		}
	}
}

// More than ten deletions need their number, in however many clusters.
func TestConfirmDeletions(t *testing.T) {
	for _, test := range []struct {
		clusters, deletions int
		answer              string
		agreed              bool
	}{
		{1, 10, "y\n", true}, {1, 11, "y\n", false}, {1, 11, "11\n", true},
		{3, 10, "3\n", true}, {3, 11, "3\n", false}, {3, 11, "11\n", true},
	} {
		var said bytes.Buffer
		m := Mutation{env: &Env{In: strings.NewReader(test.answer), ErrOut: &said}}
		err := m.Confirm(t.Context(), Question{Plan: func(io.Writer) error { return nil }, Do: "Prune", Clusters: test.clusters, Deletions: test.deletions})
		if (err == nil) != test.agreed {
			t.Errorf("%+v: %v", test, err)
		}
		if many := "It deletes 11 objects. Type 11 to go on"; strings.Contains(said.String(), many) != (test.deletions > 10) {
			t.Errorf("%+v: the person saw %q", test, said.String())
		}
	}
}

// Nothing behind the line is read: it is the next question's.
func TestConfirmReadsOneLine(t *testing.T) {
	in := strings.NewReader("y\nn\n")
	if _, err := confirm(t.Context(), 1, in); err != nil {
		t.Error(err)
	}
	if _, err := confirm(t.Context(), 1, in); err == nil {
		t.Error("the second answer was no")
	}
}

// Ctrl-C ends a question that nobody answers.
func TestConfirmInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	in, _ := io.Pipe()
	ended := make(chan error)
	go func() {
		_, err := confirm(ctx, 1, in)
		ended <- err
	}()
	cancel(ErrInterrupted)
	if err := <-ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
}

func TestMutationFlags(t *testing.T) {
	nobody := &Env{In: strings.NewReader("y\n")}
	for _, test := range []struct {
		flags MutationFlags
		code  ExitCode
	}{
		{MutationFlags{dryRun: DryRunNone}, ExitRefused},
		{MutationFlags{dryRun: DryRunNone, yes: true}, ExitOK},
		{MutationFlags{dryRun: DryRunClient}, ExitOK},
		{MutationFlags{dryRun: DryRunServer}, ExitOK},
		{MutationFlags{dryRun: "true", yes: true}, ExitUsage},
		{MutationFlags{dryRun: "", yes: true}, ExitUsage},
	} {
		m, err := test.flags.Parse(nobody)
		var coded *Error
		if errors.As(err, &coded) != (test.code != ExitOK) || (coded != nil && coded.Code != test.code) {
			t.Errorf("%+v: %v, want exit code %d", test.flags, err, test.code)
		}
		if err == nil && (m.DryRun == "") != (test.flags.dryRun == DryRunNone) {
			t.Errorf("%+v: dry run is %q", test.flags, m.DryRun)
		}
	}
}
