package fleet

import (
	"bytes"
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// printRaw prints what each cluster answers to a path: as it came for one
// cluster, and each line behind its cluster's name for several.
func (o *getOptions) printRaw(ctx context.Context, s cli.Selection) error {
	line := s.ShowWaiting(o.env)
	answers, report := query.Raw(ctx, fleetOf(s), o.raw)
	line.Done()
	return o.conclude(report, o.writeRaw(answers, len(s.Clusters) == 1))
}

func (o *getOptions) writeRaw(answers []query.RawAnswer, single bool) error {
	for _, a := range answers {
		text := a.Body
		if !single {
			text = prefixLines(a.Cluster+" | ", a.Body)
		}
		if o.env.OutTerminal {
			text = []byte(printers.Escape(string(text)))
		}
		if _, err := o.env.Out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func prefixLines(prefix string, text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.WriteString(prefix)
		out.Write(line)
	}
	if n := len(text); n > 0 && text[n-1] != '\n' {
		out.WriteByte('\n')
	}
	return out.Bytes()
}
