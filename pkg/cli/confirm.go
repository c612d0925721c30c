package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// Question is what a person is asked before something is changed.
type Question struct {
	// Plan shows all that will be changed. It goes to stderr: stdout is for the
	// result.
	Plan func(w io.Writer) error
	// Do says it in a few words, such as "Join 2 clusters to fleet prod".
	Do string
	// Clusters counts the clusters that are changed. Of several the person types
	// the number: that is not done without reading it.
	Clusters int
	// Deletions counts the objects that are deleted. Of many the person types the
	// number of those instead.
	Deletions int
	// Warnings are those of the plan that are said even to somebody who is not asked.
	Warnings []string
}

// manyDeletions are more than one deletes by habit.
const manyDeletions = 10

// Confirm shows the plan and asks, unless --yes was given. An answer that is not
// a clear yes is a refusal, and so is none.
func (m Mutation) Confirm(ctx context.Context, q Question) error {
	if m.yes {
		for _, warning := range q.Warnings {
			_, _ = fmt.Fprintln(m.env.ErrOut, "warning: "+printers.Escape(warning))
		}
		return nil
	}
	if err := q.Plan(m.env.ErrOut); err != nil {
		return err
	}
	choice := "[y/N]"
	if number := q.number(); number > 0 {
		choice = fmt.Sprintf("Type %d to go on", number)
	}
	if q.Deletions > manyDeletions && !strings.Contains(q.Do, fmt.Sprintf("%d objects", q.Deletions)) {
		choice = fmt.Sprintf("It deletes %d objects. Type %d to go on", q.Deletions, q.Deletions)
	}
	_, _ = fmt.Fprintf(m.env.ErrOut, "%s? %s: ", printers.Escape(q.Do), choice)
	answer, err := m.env.readLine(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(m.env.ErrOut)
		if ctx.Err() != nil {
			return err
		}
	}
	if !q.agrees(answer) {
		return &Error{Code: ExitRefused, Err: errors.New("not confirmed; nothing was changed")}
	}
	return nil
}

// number is what is to be typed; 0 where a yes is enough.
func (q Question) number() int {
	switch {
	case q.Deletions > manyDeletions:
		return q.Deletions
	case q.Clusters > 1:
		return q.Clusters
	}
	return 0
}

func (q Question) agrees(answer string) bool {
	answer = strings.ToLower(strings.TrimSpace(answer))
	if number := q.number(); number > 0 {
		return answer == strconv.Itoa(number)
	}
	return answer == "y" || answer == "yes"
}

// maxAnswer bounds a line, in bytes.
const maxAnswer = 1 << 10

// readLine reads one line of input and nothing behind it. It returns when ctx
// ends, whatever the terminal does; what is typed from then on is lost.
func (e *Env) readLine(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		var text []byte
		for one := make([]byte, 1); ; {
			n, err := e.In.Read(one)
			switch {
			case err != nil:
				read <- line{string(text), err}
				return
			case n == 1 && one[0] == '\n', len(text) == maxAnswer:
				read <- line{string(text), nil}
				return
			}
			text = append(text, one[:n]...)
		}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case got := <-read:
		return got.text, got.err
	}
}
