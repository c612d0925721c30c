package member

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// reviewing is how many reviews of rights one cluster gets at a time.
const reviewing = 16

// Access is what somebody does to a type: in a namespace or, with "", everywhere.
type Access struct {
	Verbs                        []string
	Group, Resource, Subresource string
	Namespace                    string
	// Why is said of the namespace, such as ", in which the cluster remembers the set".
	Why string
}

// MayAll refuses somebody who lacks some of these rights, and names each, so that what
// would come out half way is known before. Where the server does not say, whoever goes on
// will hear it.
func (m *Member) MayAll(ctx context.Context, accesses []Access) error {
	type question struct {
		authorizationv1.ResourceAttributes

		where string
	}
	var asked []question
	for _, a := range accesses {
		where := " in the namespace " + a.Namespace + a.Why
		if a.Namespace == "" {
			where = " at the cluster scope"
		}
		for _, verb := range a.Verbs {
			asked = append(asked, question{authorizationv1.ResourceAttributes{
				Verb: verb, Group: a.Group, Resource: a.Resource, Subresource: a.Subresource, Namespace: a.Namespace,
			}, where})
		}
	}
	denied := make([]bool, len(asked))
	turns := make(chan struct{}, reviewing)
	var asking sync.WaitGroup
	for i := range asked {
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			allowed, _, err := m.May(ctx, asked[i].ResourceAttributes)
			denied[i] = err == nil && !allowed
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var places, texts []string
	lacking := map[string][]string{}
	for i, q := range asked {
		if !denied[i] {
			continue
		}
		if !slices.Contains(places, q.where) {
			places = append(places, q.where)
		}
		what := q.Verb + " " + q.Resource
		if q.Subresource != "" {
			what += "/" + q.Subresource
		}
		lacking[q.where] = append(lacking[q.where], what)
	}
	if len(places) == 0 {
		return nil
	}
	for _, where := range places {
		texts = append(texts, "you may not "+strings.Join(lacking[where], ", ")+where)
	}
	return &Error{Reason: ReasonRefused, Err: &DeniedError{Err: errors.New(strings.Join(texts, "; "))}}
}
