package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// atOnce is how many types one cluster is asked for at once.
const atOnce = 4

// eachType looks at several types of one cluster: at the first alone, which
// decides whether the cluster is there, then at the others side by side. It
// returns the types that it could not look at, because the cluster does not
// have them or, if tolerant, because the user may not. look is called again for
// a type that is not where an old discovery says.
func eachType(ctx context.Context, m *member.Member, types []string, tolerant bool,
	look func(ctx context.Context, i int, resource member.Resource) error,
) (left map[string]member.Reason, failed error) {
	left = map[string]member.Reason{}
	var mu sync.Mutex
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var forbidden error
	one := func(i int) {
		err := lookAt(ctx, m, types[i], func(resource member.Resource) error { return look(ctx, i, resource) })
		if err == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		reason := member.ReasonOf(err)
		switch {
		case reason == member.ReasonNotInstalled:
			left[types[i]] = reason
		case reason == member.ReasonForbidden && tolerant:
			left[types[i]], forbidden = reason, err
		case failed == nil:
			failed = err
			stop() // the cluster has failed: what else it says is of no use
		}
	}
	one(0)
	if failed != nil {
		return left, failed
	}
	var looking sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := 1; i < len(types); i++ {
		looking.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			one(i)
		})
	}
	looking.Wait()
	if failed == nil && forbidden != nil && len(left) == len(types) {
		failed, left = forbidden, nil // nothing at all may be read
	}
	return left, failed
}

func lookAt(ctx context.Context, m *member.Member, typed string, look func(member.Resource) error) error {
	resource, err := m.Resource(ctx, typed)
	if err != nil {
		return err
	}
	if err = look(resource); err == nil || member.ReasonOf(err) != member.ReasonNotFound {
		return err
	}
	if resource, err = m.ResourceNow(ctx, typed); err != nil {
		return err
	}
	return look(resource)
}

// UnsearchedError is types that were not looked at in some clusters.
type UnsearchedError struct {
	Types []string
	// Why is ReasonNotInstalled or ReasonForbidden.
	Why member.Reason
}

func (e *UnsearchedError) Error() string {
	types := strings.Join(e.Types, ", ")
	if e.Why == member.ReasonForbidden {
		return fmt.Sprintf("not looked at, since you may not list them: %s", types)
	}
	return fmt.Sprintf("not looked at, since the server has no such type: %s", types)
}

// unsearched gathers what was not looked at, by type and reason.
type unsearched struct {
	clusters map[unsearchedType][]string
}

type unsearchedType struct {
	name string
	why  member.Reason
}

func (u *unsearched) add(cluster string, left map[string]member.Reason) {
	if u.clusters == nil {
		u.clusters = map[unsearchedType][]string{}
	}
	for name, why := range left {
		key := unsearchedType{name, why}
		u.clusters[key] = append(u.clusters[key], cluster)
	}
}

// absences says types that the same clusters lack once. A type that was asked
// for and that none of the clusters that answered has is missing everywhere.
func (u *unsearched) absences(answered int, asked bool) []Absence {
	keys := slices.SortedStableFunc(maps.Keys(u.clusters), func(a, b unsearchedType) int { return strings.Compare(a.name, b.name) })
	var found []Absence
	for _, key := range keys {
		clusters := u.clusters[key]
		if asked && len(clusters) == answered {
			found = append(found, Absence{Err: &member.NotInstalledError{Type: key.name}, Clusters: clusters, Everywhere: true})
			continue
		}
		i := slices.IndexFunc(found, func(a Absence) bool {
			err, is := a.Err.(*UnsearchedError) //nolint:errorlint // made below, and wrapped by nobody
			return is && err.Why == key.why && slices.Equal(a.Clusters, clusters)
		})
		if i < 0 {
			found = append(found, Absence{Err: &UnsearchedError{Why: key.why}, Clusters: clusters})
			i = len(found) - 1
		}
		same := found[i].Err.(*UnsearchedError) //nolint:errorlint,forcetypeassert // found or made above
		same.Types = append(same.Types, key.name)
	}
	return found
}
