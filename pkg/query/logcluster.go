package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// lookAgain is how long after a look for pods there is another, for those that
// came meanwhile.
const lookAgain = 3 * time.Second

// clusterFollower follows the logs of one cluster.
type clusterFollower struct {
	*followers
	cluster inventory.Cluster
	logs    sync.WaitGroup
	nudge   chan struct{} // a log has ended: look at once

	// What follows is guarded by mu of followers.

	heard bool       // it has answered, failed, or is said to be lost
	away  bool       // lost
	first *podFinder // what it answered first; nil: not yet
	done  bool       // with looking: the pods were named, or it refuses
	stale bool       // a log has ended since the last look began
	owed  bool       // the last pod is gone, and will be replaced
	full  bool       // a log waits for another to end

	live    map[string]bool // logs by their names
	over    map[string]bool // logs that have ended for good, each of one pod
	told    map[string]bool // pods that are said to be gone, and logs to wait
	sources []LogSource
	lacking []*NoContainerError
	broken  []LogFailure
}

func newClusterFollower(f *followers, c inventory.Cluster) *clusterFollower {
	return &clusterFollower{
		followers: f, cluster: c, nudge: make(chan struct{}, 1),
		live: map[string]bool{}, over: map[string]bool{}, told: map[string]bool{},
	}
}

// resting: as far as one knows, nothing more is to come of the cluster.
func (c *clusterFollower) resting() bool {
	waits := c.first == nil || c.away || c.stale || c.owed || c.full
	return len(c.live) == 0 && (c.done || !waits)
}

// follow looks for pods and follows their logs, until ctx ends or the cluster
// refuses, which is the error.
func (c *clusterFollower) follow(ctx context.Context) error {
	defer c.logs.Wait()
	pause := shortPause
	for {
		named, err := c.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !member.IsAway(err):
			c.giveUp(err)
			return err
		case err != nil:
			c.lost(err)
			if err := pauseFor(ctx, pause); err != nil {
				return nil
			}
			pause = min(2*pause, longPause)
			continue
		case named:
			return nil
		}
		pause = shortPause
		select {
		case <-ctx.Done():
			return nil
		case <-c.nudge:
		case <-time.After(lookAgain):
		}
	}
}

// look finds the pods that there are, and begins to follow the logs of new ones.
// named says that there will be no others.
func (c *clusterFollower) look(ctx context.Context) (named bool, err error) {
	c.mu.Lock()
	c.stale = false
	c.mu.Unlock()
	m, err := c.members.Member(ctx, c.cluster)
	if err != nil {
		return false, err
	}
	found, err := findPods(ctx, m, c.request.Pods)
	if err != nil {
		return false, err
	}
	named = c.request.Options.Previous || c.request.Pods.Named() && isPods(ctx, m, c.request.Pods.Items[0].Type)
	sources, lacking := c.request.sources(found.pods)

	c.mu.Lock()
	defer c.mu.Unlock()
	began := c.first == nil
	if began {
		c.first, c.lacking = found, lacking
	}
	c.heard, c.done, c.full = true, named, false
	c.back(began)
	if len(found.missing) > 0 {
		c.owed = false // nobody is there to replace a pod
	}
	for _, source := range sources {
		c.start(ctx, source, began)
	}
	c.settle()
	return named, nil
}

// isPods tells whether a type is that of pods themselves.
func isPods(ctx context.Context, m *member.Member, name string) bool {
	resource, err := m.Resource(ctx, name)
	return err == nil && resource.GroupKind() == schema.GroupKind{Kind: "Pod"}
}

// start follows a log that is not followed yet. It is called with mu held.
func (c *clusterFollower) start(ctx context.Context, source LogSource, began bool) {
	name, one := logName(source), onePod(source.Pod)+"/"+source.Container
	switch {
	case c.live[name], c.over[one], c.stopped != nil:
		return
	case c.following >= c.most && !c.begun:
		c.stop(&TooManyLogsError{Most: c.most})
		return
	case c.following >= c.most:
		c.full = true
		if !c.told[one] {
			c.told[one] = true
			c.events.Full(source)
		}
		return
	}
	log := &follower{clusterFollower: c, source: source, options: c.request.Options}
	if !began {
		log.options.TailLines = nil // all of what a new pod said is new
	}
	c.live[name], c.owed = true, false
	c.following++
	c.sources = append(c.sources, source)
	c.logs.Go(func() {
		err := log.follow(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.live, name)
		c.following--
		if ctx.Err() == nil {
			c.ended(log, err)
		}
	})
}

// ended takes down how a log came to its end. It is called with mu held.
func (c *clusterFollower) ended(log *follower, err error) {
	pod := log.source.Pod
	switch {
	case errors.Is(err, errGone):
		c.owed = !c.done && len(c.live) == 0
		if !c.told[onePod(pod)] {
			c.told[onePod(pod)] = true
			c.events.Gone(pod)
		}
	case err != nil:
		c.broken = append(c.broken, LogFailure{Source: &log.source, Err: err, Lines: log.lines})
		c.events.Failed(c.cluster.Name, fmt.Errorf("%s: %w", strings.TrimPrefix(log.source.String(), c.cluster.Name+"/"), err))
	}
	if err == nil || !errors.Is(err, errGone) {
		c.over[onePod(pod)+"/"+log.source.Container] = true
	}
	c.stale = true
	c.settle()
	select {
	case c.nudge <- struct{}{}:
	default: // it is going to look anyway
	}
}

// logName is the name of a log; a pod that replaces another may have its name.
func logName(s LogSource) string { return s.Pod.Namespace + "/" + s.Pod.Name + "/" + s.Container }

// onePod names a pod and none of those that had or will have its name.
func onePod(pod *Pod) string { return pod.Namespace + "/" + pod.Name + "/" + string(pod.UID) }

// giveUp says that the cluster refuses.
func (c *clusterFollower) giveUp(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard, c.done = true, true
	c.events.Failed(c.cluster.Name, err)
	c.settle()
}

// lost says, where it is news, that the cluster does not answer.
func (c *clusterFollower) lost(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.away {
		c.away = true
		c.events.Lost(c.cluster.Name, err, c.first == nil)
	}
	c.heard = true
	c.settle()
}

// reached says, where it is news, that the cluster answers again.
func (c *clusterFollower) reached() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.back(false)
}

func (c *clusterFollower) back(never bool) {
	if c.away {
		c.away = false
		c.events.Back(c.cluster.Name, never)
	}
}
