package cli

import "github.com/kubectl-fleet/kubectl-fleet/pkg/progress"

// ShowWaiting shows on a terminal which clusters are still waited for, until
// the function returned is called. It sets the selection's observer.
func (s *Selection) ShowWaiting(env *Env) (done func()) {
	if !env.ErrTerminal {
		return func() {}
	}
	names := make([]string, len(s.Clusters))
	for i, c := range s.Clusters {
		names[i] = c.Name
	}
	waiting := progress.NewWaiting(env.ErrOut, names)
	s.Fanout.Observer = waiting
	return waiting.Done
}
