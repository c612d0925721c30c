package fleetbackup

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	live "github.com/kubectl-fleet/kubectl-fleet/pkg/progress"
)

// board is a table that is redrawn on the terminal; nil where no person looks.
type board struct{ *live.Board }

func showBoard(env *cli.Env, lines func(now time.Time) []string) *board {
	if shown := env.ShowBoard(lines); shown != nil {
		return &board{shown}
	}
	return nil
}

// done leaves the table as it is.
func (b *board) done() {
	if b != nil {
		b.Done()
	}
}

// aligned are rows of cells as lines of a table.
func aligned(rows [][]string) []string {
	text := &strings.Builder{}
	table := tabwriter.NewWriter(text, 0, 8, 3, ' ', 0)
	for _, cells := range rows {
		_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	_ = table.Flush()
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}

// The cells of something that is done, and of something that lasts.
func doneCell(took time.Duration) string { return "✔ " + tenths(took) }

func lastsCell(since, now time.Time) string { return "… " + tenths(now.Sub(since)) }

// tenths is a time that is watched.
func tenths(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
